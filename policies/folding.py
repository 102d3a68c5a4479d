"""Text as the matchers compare it, with the way back to the text as it was.

NFKC and case folding (Unicode Standard, 3.13 and annex 15), apostrophes inside words kept and of
one kind, invisible characters dropped, everything else that is no letter, mark or digit a gap
between words; one space between words, or none in a language written without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from policies.language import Language
from policies.match import Span

_APOSTROPHES = "'\u2019\u2018\u201b\u02bc\u02b9\u2032\u00b4`\uff07"
_TO_APOSTROPHE = str.maketrans(dict.fromkeys(_APOSTROPHES, "'"))
_ASCII = {
    code: chr(code).lower() if chr(code).isalnum() else "'" if chr(code) in _APOSTROPHES else " "
    for code in range(128)
}
_WORD = re.compile(r"[^ ']+(?:'[^ ']+)*")
_LONGEST_CLUSTER = 32
"""Code points. Unicode's stream-safe format allows 30 marks; sorting them takes quadratic time."""


class Normalized:
    """Words for the matchers.

    Where they come from is worked out only when it is asked for: most of what is said matches
    nothing.

    Args:
        folded: The whole text after folding, gaps and stray apostrophes still in it.
        starts: For each code point of `folded`, the offset in the original where it comes from.
        ends: For each code point of `folded`, the offset in the original just after it.
    """

    __slots__ = ("_ends", "_folded", "_language", "_origins", "_starts", "text")

    def __init__(
        self, folded: str, starts: Sequence[int], ends: Sequence[int], language: Language
    ) -> None:
        self._folded = folded
        self._starts = starts
        self._ends = ends
        self._language = language
        self._origins: Sequence[int] | None = None
        self.text: str = language.separator.join(folded[b:e] for b, e in _words(folded))

    def span(self, start: int, end: int) -> Span:
        """Where the words `text[start:end]`, at least one code point, are in the original."""
        if self._origins is None:
            self._origins = _origins(self._folded, len(self._language.separator))
        first, last = self._origins[start], self._origins[end - 1]
        return self._starts[first], self._ends[last]


def normalize(text: str, language: Language) -> Normalized:
    """Any text is taken, lone surrogates too. Time is linear in its length."""
    if text.isascii():
        size = len(text)
        return Normalized(text.translate(_ASCII), range(size), range(1, size + 1), language)
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        plain = _fold(text[start:end])
        folded.append(plain)
        starts.extend([start] * len(plain))
        ends.extend([end] * len(plain))
    return Normalized("".join(folded), starts, ends, language)


def _words(folded: str) -> Iterator[Span]:
    for word in _WORD.finditer(folded):
        begin, end = word.span()
        while begin < end and not folded[begin].isalnum():  # a mark with no letter to stand on
            begin += 1
        if begin < end:
            yield begin, end


def _origins(folded: str, gap: int) -> list[int]:
    """For each code point of the words, `gap` more between two of them, its offset in `folded`."""
    origins: list[int] = []
    for begin, end in _words(folded):
        if origins:
            origins.extend([begin] * gap)
        origins.extend(range(begin, end))
    return origins


def _clusters(text: str) -> Iterator[Span]:
    """Stretches that can be normalised one by one: nothing composes or moves across their ends."""
    start = 0
    for here in range(1, len(text)):
        if here - start >= _LONGEST_CLUSTER or not _attaches(text[start:here], text[here]):
            yield start, here
            start = here
    if text:
        yield start, len(text)


def _attaches(before: str, char: str) -> bool:
    if char < "\u0300" or "\u3400" <= char <= "\u9fff":  # never second in a composition
        return False
    if unicodedata.combining(unicodedata.normalize("NFKD", char)[0]):
        return True
    apart = unicodedata.normalize("NFKC", before) + unicodedata.normalize("NFKC", char)
    return unicodedata.normalize("NFKC", before + char) != apart


@lru_cache(maxsize=8192)
def _fold(cluster: str) -> str:
    composed = unicodedata.normalize("NFKC", cluster.translate(_TO_APOSTROPHE)).casefold()
    return "".join(map(_plain, unicodedata.normalize("NFKC", composed)))


def _plain(char: str) -> str:
    if char.isalnum():
        return char
    if char in _APOSTROPHES:
        return "'"
    category = unicodedata.category(char)
    if category in ("Cf", "Me") or "\ufe00" <= char <= "\ufe0f":  # joiners, keycaps, variations
        return ""
    return char if category in ("Mn", "Mc") else " "
