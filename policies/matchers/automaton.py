"""Many strings in one pass, by Aho-Corasick. The only ahocorasick_rs import."""

from __future__ import annotations

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick


class Automaton:
    """Compiled once, then only read: threads may share it. Takes no empty string.

    Pickled as its strings, and compiled again where it is unpickled.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = wanted
        self._found = AhoCorasick(wanted, store_patterns=False) if wanted else None

    def __reduce__(self) -> tuple[type[Automaton], tuple[Sequence[str]]]:
        return Automaton, (self._wanted,)

    def find(self, text: str) -> Sequence[tuple[int, int, int]]:
        """The number of each string found with its half-open place, overlaps included."""
        if self._found is None:
            return ()
        return self._found.find_matches_as_indexes(text, overlapping=True)
