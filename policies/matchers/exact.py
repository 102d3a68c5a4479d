"""Phrases word for word.

Where words are written apart, phrase and text are padded with spaces, so that a phrase is found
only between word boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.language import Language
from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.hit import Hit
from policies.normalize import Normalized


class ExactPhrases:
    """Compiled once, then only read: threads may share it.

    Args:
        phrases: By number; each must have a word in it.
    """

    def __init__(self, phrases: Mapping[int, Normalized], language: Language) -> None:
        self._pad = language.separator
        entries: dict[str, list[int]] = {}
        for number, phrase in phrases.items():
            entries.setdefault(f"{self._pad}{phrase.text}{self._pad}", []).append(number)
        self._entries = tuple(map(tuple, entries.values()))
        self._automaton = Automaton(list(entries))

    def find(self, heard: Normalized) -> Iterator[Hit]:
        """Every phrase at every place, overlaps included."""
        pad = len(self._pad)
        for found, start, end in self._automaton.find(f"{self._pad}{heard.text}{self._pad}"):
            # Both pads cost the same: the phrase's first is where the text's first was added.
            first, last = heard.word_at(start), heard.word_at(end - 2 * pad - 1)
            if pad or self._whole(heard, start, end):
                for entry in self._entries[found]:
                    yield Hit(entry, first, last, Layer.EXACT)

    @staticmethod
    def _whole(heard: Normalized, start: int, end: int) -> bool:
        """Whether no Latin word is cut by the place's edges."""
        return heard.begins_at(start) and (end == len(heard.text) or heard.begins_at(end))
