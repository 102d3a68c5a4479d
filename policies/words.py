"""Words on their way from folded text to what the matchers compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Normalised words, with the written words that each comes from.

    Attributes:
        texts: The words.
        firsts: For each word, the number of the first written word that it comes from.
        lasts: For each word, the number of the last one.
    """

    texts: Sequence[str]
    firsts: Sequence[int]
    lasts: Sequence[int]


def as_written(words: Sequence[str]) -> Words:
    """Return the written words unchanged."""
    return Words(words, range(len(words)), range(len(words)))


class Writer:
    """Collects normalised words one after another."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.firsts: list[int] = []
        self.lasts: list[int] = []

    def add(self, texts: Sequence[str], first: int, last: int) -> None:
        """Add words that come from the written words `first` to `last`."""
        if len(texts) == 1:  # nearly always
            self.texts.append(texts[0])
            self.firsts.append(first)
            self.lasts.append(last)
            return
        self.texts.extend(texts)
        self.firsts.extend([first] * len(texts))
        self.lasts.extend([last] * len(texts))

    def words(self) -> Words:
        """Return the words that were added."""
        return Words(self.texts, self.firsts, self.lasts)
