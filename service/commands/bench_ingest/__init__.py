"""`earshot bench ingest`: what it costs to hear a room, and what is lost on the way."""
