"""Phrases word for word, by Aho-Corasick. The only ahocorasick_rs import.

Where words are written apart, phrase and text are padded with spaces, so that a phrase is found
only between word boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ahocorasick_rs import AhoCorasick

from policies.language import Language
from policies.match import Span
from policies.normalize import Normalized, normalize


class ExactPhrases:
    """Compiled once, then only read: threads may share it.

    Args:
        phrases: As written; each must have a word in it.
    """

    def __init__(self, phrases: Sequence[str], language: Language) -> None:
        self._pad = language.separator
        padded = [f"{self._pad}{normalize(p, language).text}{self._pad}" for p in phrases]
        self._automaton = AhoCorasick(padded)

    def find(self, heard: Normalized) -> Iterator[tuple[int, Span]]:
        """The number of each phrase found and where it is in the original, overlaps included."""
        pad = len(self._pad)
        padded = f"{self._pad}{heard.text}{self._pad}"
        for phrase, start, end in self._automaton.find_matches_as_indexes(padded, overlapping=True):
            # Both pads cost the same: the phrase's first is where the text's first was added.
            yield phrase, heard.span(start, end - 2 * pad)
