"""Characters in the form that the matchers compare, with the way back to the original.

NFKC and case folding (Unicode Standard, 3.13 and annex 15). Apostrophes become one kind, invisible
characters are dropped, and all else but letters, marks and digits is a gap between words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from policies.match import Span

_APOSTROPHES = "'\u2019\u2018\u201b\u02bc\u02b9\u2032\u00b4`\uff07"
_TO_APOSTROPHE = str.maketrans(dict.fromkeys(_APOSTROPHES, "'"))
_ASCII = {
    code: chr(code).lower() if chr(code).isalnum() else "'" if chr(code) in _APOSTROPHES else " "
    for code in range(128)
}
_PLAIN_HAN = re.compile("[\x00-\x7f\u3400-\u4dbf\u4e00-\u9fff，。！？、：；“”…]*")
"""Text in which every code point folds to exactly one, whatever its neighbours are."""
_BY_ITSELF = _ASCII | dict.fromkeys(map(ord, "，。！？、：；“”…"), " ")
_WORD = re.compile(r"[^ ']+(?:'[^ ']+)*")
_LONGEST_CLUSTER = 32
"""Code points of a cluster. Unicode's stream-safe format allows 30 marks; sorting them takes
quadratic time."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text. Gaps and stray apostrophes are still in it.

    Attributes:
        starts: Offset in the original of each code point of `text`.
        ends: Offset in the original just after each code point of `text`.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def fold(text: str) -> Folded:
    """Fold any text, lone surrogates included, in time linear in its length."""
    size = len(text)
    if text.isascii():
        return Folded(text.translate(_ASCII), range(size), range(1, size + 1))
    if _PLAIN_HAN.fullmatch(text):
        return Folded(text.translate(_BY_ITSELF), range(size), range(1, size + 1))
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(text):
        plain = _fold(text[start:end])
        folded.append(plain)
        starts.extend([start] * len(plain))
        ends.extend([end] * len(plain))
    return Folded("".join(folded), starts, ends)


def find_words(folded: str) -> Iterator[Span]:
    """Yield the span of each word of a folded text. Apostrophes count only inside words."""
    for word in _WORD.finditer(folded):
        begin, end = word.span()
        while begin < end and not folded[begin].isalnum():  # a mark without a letter
            begin += 1
        if begin < end:
            yield begin, end


def _clusters(text: str) -> Iterator[Span]:
    """Yield spans that can be normalised one by one: no character composes or moves across them."""
    start = 0
    for here in range(1, len(text)):
        if here - start >= _LONGEST_CLUSTER or not _attaches(text[start:here], text[here]):
            yield start, here
            start = here
    if text:
        yield start, len(text)


def _attaches(before: str, char: str) -> bool:
    if char < "\u0300" or "\u3400" <= char <= "\u9fff":  # never the second part of a composition
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
