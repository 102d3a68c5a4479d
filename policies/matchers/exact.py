"""Phrases word for word.

Where a language separates words, phrases and text are padded with the separator, so that a phrase
is found only between word boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.hit import Hit
from policies.normalize import Normalized


class ExactPhrases:
    """Compiled phrases. Read-only, so that threads can share it.

    Args:
        phrases: Phrases by number, each of at least one word.
        separator: Text between two words of the language.
    """

    def __init__(self, phrases: Mapping[int, Normalized], separator: str) -> None:
        self._pad = separator
        entries: dict[str, list[int]] = {}
        for number, phrase in phrases.items():
            entries.setdefault(f"{self._pad}{phrase.text}{self._pad}", []).append(number)
        self._entries = tuple(map(tuple, entries.values()))
        self._automaton = Automaton(list(entries))

    def find_hits(self, words: Normalized) -> Iterator[Hit]:
        """Yield each phrase at each place, overlaps included."""
        pad = len(self._pad)
        for found, start, end in self._automaton.find_strings(
            f"{self._pad}{words.text}{self._pad}"
        ):
            # Both pads have one length: the phrase's pad lies where the text's pad was added.
            first, last = words.word_at(start), words.word_at(end - 2 * pad - 1)
            if pad or self._whole(words, start, end):
                for entry in self._entries[found]:
                    yield Hit(entry, first, last, Layer.EXACT)

    @staticmethod
    def _whole(words: Normalized, start: int, end: int) -> bool:
        """Return whether the range cuts no word: without separators, Latin words are longer."""
        return words.begins_at(start) and (end == len(words.text) or words.begins_at(end))
