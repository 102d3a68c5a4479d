"""Search for many strings in one pass, by Aho-Corasick. The only ahocorasick_rs import."""

from __future__ import annotations

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick


class Automaton:
    """Compiled strings, none of them empty. Read-only, so that threads can share it.

    A pickle holds the strings; unpickling compiles them again.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = wanted
        self._found = AhoCorasick(wanted, store_patterns=False) if wanted else None

    def __reduce__(self) -> tuple[type[Automaton], tuple[Sequence[str]]]:
        return Automaton, (self._wanted,)

    def find_strings(self, text: str) -> Sequence[tuple[int, int, int]]:
        """Return number, start and end (exclusive) of each string in a text, overlaps included."""
        if self._found is None:
            return ()
        return self._found.find_matches_as_indexes(text, overlapping=True)
