"""`earshot bench ingest`: what hearing a track costs, and what of its words survives."""
