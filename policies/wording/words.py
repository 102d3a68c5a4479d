"""Words on their way from folded text to what the matchers compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What was said, word by word, and where each word comes from.

    Attributes:
        texts: The words.
        firsts: For each word, the number of the first written word that it comes from.
        lasts: For each word, the number of the last one.
    """

    texts: Sequence[str]
    firsts: Sequence[int]
    lasts: Sequence[int]


def as_written(words: Sequence[str]) -> Words:
    return Words(words, range(len(words)), range(len(words)))


class Writer:
    """Collects the words that others are turned into."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.firsts: list[int] = []
        self.lasts: list[int] = []

    def add(self, texts: Sequence[str], first: int, last: int) -> None:
        """Words that come from the written words `first` to `last`."""
        if len(texts) == 1:  # nearly always
            self.texts.append(texts[0])
            self.firsts.append(first)
            self.lasts.append(last)
            return
        self.texts.extend(texts)
        self.firsts.extend([first] * len(texts))
        self.lasts.extend([last] * len(texts))

    def words(self) -> Words:
        return Words(self.texts, self.firsts, self.lasts)
