"""`earshot bench ingest`: cost of listening to a track, and speech lost on the way."""
