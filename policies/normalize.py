"""Text as the matchers compare it, with the way back to the text as it was.

Folded characters (`folding`), then words as they are meant (`wording`): contractions written out,
fillers dropped, numbers as single digits, spelled-out letters joined, Chinese simplified. One space
between words, or none in a language written without, in which every character is a word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from policies import folding
from policies.language import Language
from policies.match import Span
from policies.wording import chinese, english

_ASCII_WORD = re.compile(r"[^ ']+(?:'[^ ']+)*")
_HAN_AND_GAPS = re.compile("[ \u3400-\u4dbf\u4e00-\u9fff]*")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_PIECE = re.compile(f"[{_HAN}]|[^{_HAN}]+")
"""Of a word in Chinese text: each Han character alone, anything else together."""


class Normalized:
    """Words for the matchers.

    Where they come from is worked out only when it is asked for: most of what is said matches
    nothing.

    Attributes:
        words: What is compared.
        text: The words with the language's separator between them.
    """

    __slots__ = ("_bounds", "_folded", "_language", "_meant", "_starts", "text", "words")

    def __init__(self, folded: folding.Folded, language: Language) -> None:
        self._folded = folded
        self._language = language
        self._bounds: Sequence[Span] | None = None
        self._starts: Sequence[int] | None = None
        if language is Language.ZH:
            simple = chinese.simplify(folded.text)
            self._meant = chinese.meant(_chinese_words(simple))
        elif folded.text.isascii():
            self._meant = english.meant(_ASCII_WORD.findall(folded.text))
        else:
            text = folded.text
            self._meant = english.meant([text[b:e] for b, e in folding.words(text)])
        self.words: Sequence[str] = self._meant.texts
        self.text: str = language.separator.join(self.words)

    def span(self, first: int, last: int) -> Span:
        """Where the words `first` to `last`, that one included, are in the original."""
        if self._bounds is None:
            text = self._folded.text
            found = _pieces(text) if self._language is Language.ZH else folding.words(text)
            self._bounds = list(found)
        begin, _ = self._bounds[self._meant.firsts[first]]
        _, end = self._bounds[self._meant.lasts[last]]
        return self._folded.starts[begin], self._folded.ends[end - 1]

    def word_at(self, place: int) -> int:
        """The number of the word in which the code point `place` of `text` is."""
        if self._starts is None:
            gap = len(self._language.separator)
            sizes = (len(word) + gap for word in self.words)
            self._starts = [0, *accumulate(sizes)]
        return bisect_right(self._starts, place) - 1

    def begins_at(self, place: int) -> bool:
        """Whether a word begins at the code point `place` of `text`."""
        number = self.word_at(place)
        return self._starts is not None and self._starts[number] == place


def normalize(text: str, language: Language) -> Normalized:
    """Any text is taken, lone surrogates too. Time is linear in its length."""
    return Normalized(folding.fold(text), language)


@lru_cache(maxsize=65_536)
def phrase(text: str, language: Language) -> Normalized:
    """The same, remembered: a pack's phrases are looked at several times while it is loaded."""
    return normalize(text, language)


def _chinese_words(text: str) -> Sequence[str]:
    if _HAN_AND_GAPS.fullmatch(text):
        return text.replace(" ", "")
    return [text[begin:end] for begin, end in _pieces(text)]


def _pieces(text: str) -> Iterator[Span]:
    for begin, end in folding.words(text):
        for piece in _PIECE.finditer(text, begin, end):
            start, stop = piece.span()
            while start < stop and not text[start].isalnum():  # a mark after a Han character
                start += 1
            while start < stop and text[stop - 1] == "'":
                stop -= 1
            if start < stop:
                yield start, stop
