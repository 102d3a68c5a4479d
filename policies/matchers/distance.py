"""Edit distance of two strings. The only rapidfuzz import."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

edits = Levenshtein.distance
"""`edits(one, other, score_cutoff=n)`: insertions, deletions and substitutions; n + 1 if more."""
