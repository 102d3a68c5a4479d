"""How words sound: what the matchers that hear through recognition errors compare."""
