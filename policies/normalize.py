"""Text in the form that the matchers compare, with the way back to the original.

`folding` makes characters alike; the language then makes words alike: contractions, fillers,
numbers, scripts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Protocol

from policies import folding
from policies.match import Span
from policies.words import Words


class Writing(Protocol):
    """Writing of a language. It is hashed by identity, as a key of a cache."""

    @property
    def separator(self) -> str:
        """Text between two words."""

    def normalize_words(self, folded: str, /) -> Words:
        """Return the normalised words of a folded text, numbered by the spans of `find_words`."""

    def find_words(self, folded: str, /) -> Iterable[Span]:
        """Yield the span of each word as it is written in a folded text."""


class Normalized:
    """Words for the matchers.

    The places of words are computed only on request: most of what is said matches nothing.

    Attributes:
        words: Normalised words.
        text: The words with the language's separator between them.
    """

    __slots__ = ("_bounds", "_folded", "_meant", "_starts", "_writing", "text", "words")

    def __init__(self, folded: folding.Folded, writing: Writing) -> None:
        self._folded = folded
        self._writing = writing
        self._bounds: Sequence[Span] | None = None
        self._starts: Sequence[int] | None = None
        self._meant = writing.normalize_words(folded.text)
        self.words: Sequence[str] = self._meant.texts
        self.text: str = writing.separator.join(self.words)

    def span(self, first: int, last: int) -> Span:
        """Return the place in the original of the words `first` to `last`, both included."""
        if self._bounds is None:
            self._bounds = list(self._writing.find_words(self._folded.text))
        begin, _ = self._bounds[self._meant.firsts[first]]
        _, end = self._bounds[self._meant.lasts[last]]
        return self._folded.starts[begin], self._folded.ends[end - 1]

    def word_at(self, place: int) -> int:
        """Return the number of the word that contains the code point `place` of `text`."""
        if self._starts is None:
            gap = len(self._writing.separator)
            sizes = (len(word) + gap for word in self.words)
            self._starts = [0, *accumulate(sizes)]
        return bisect_right(self._starts, place) - 1

    def begins_at(self, place: int) -> bool:
        """Return whether a word begins at the code point `place` of `text`."""
        number = self.word_at(place)
        return self._starts is not None and self._starts[number] == place


def normalize(text: str, writing: Writing) -> Normalized:
    """Normalise any text, lone surrogates included, in time linear in its length."""
    return Normalized(folding.fold(text), writing)


@lru_cache(maxsize=65_536)
def normalize_phrase(text: str, writing: Writing) -> Normalized:
    """Normalise a phrase of a pack; cached, because loading a pack does so several times."""
    return normalize(text, writing)
