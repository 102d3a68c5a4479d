"""Words as they are meant: numbers, contractions, fillers and spelled-out letters made alike."""
