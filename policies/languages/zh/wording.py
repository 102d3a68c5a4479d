"""Normalised Chinese: simplified characters, numbers as single digits. The only opencc import."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import opencc

from policies import folding
from policies.match import Span
from policies.words import Words, Writer, as_written

FILLERS = frozenset("嗯呃唔啊")

_DIGITS: Mapping[str, int] = {
    char: value
    for value, chars in enumerate(
        ("零〇", "一幺壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for char in chars
}
_UNITS: Mapping[str, int] = {"十": 10, "百": 100, "千": 1000}
_BIG: Mapping[str, int] = {"万": 10_000, "亿": 100_000_000}
_NUMERALS = frozenset(_DIGITS) | frozenset(_UNITS) | frozenset(_BIG)
_NOT_PLAIN = FILLERS | _NUMERALS
_HAN_CODES = (range(0x3400, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x2FA20))
_HAN_AND_GAPS = re.compile("[ \u3400-\u4dbf\u4e00-\u9fff]*")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f"
_PIECE = re.compile(f"[{_HAN}]|[^{_HAN}]+")
"""Part of a written word: one Han character, or a run of other characters."""


def normalize_words(folded: str) -> Words:
    """Return each Han character, and each word of another script, rewritten as below."""
    text = simplify(folded)
    if _HAN_AND_GAPS.fullmatch(text):
        return rewrite_words(text.replace(" ", ""))
    return rewrite_words([text[begin:end] for begin, end in find_words(text)])


def find_words(folded: str) -> Iterator[Span]:
    """Yield the span of each Han character and of each word of another script."""
    for begin, end in folding.find_words(folded):
        for piece in _PIECE.finditer(folded, begin, end):
            start, stop = piece.span()
            while start < stop and not folded[start].isalnum():  # a mark after a Han character
                start += 1
            while start < stop and folded[stop - 1] == "'":
                stop -= 1
            if start < stop:
                yield start, stop


@cache
def _simplified() -> dict[int, str]:
    """Map traditional characters one by one: word by word would not keep their number."""
    traditional = [chr(code) for codes in _HAN_CODES for code in codes]
    simplified = opencc.OpenCC("t2s").convert("\n".join(traditional)).split("\n")
    pairs = zip(traditional, simplified, strict=True)
    return {ord(old): new for old, new in pairs if old != new and len(new) == 1}


def simplify(text: str) -> str:
    """Replace each traditional character by its usual simplified one; the length stays."""
    return text.translate(_simplified())


def rewrite_words(words: Sequence[str]) -> Words:
    """Write numbers as single digits and drop fillers. A string holds Han characters only."""
    plain = isinstance(words, str) or not any(word.isdigit() for word in words)
    if plain and _NOT_PLAIN.isdisjoint(words):
        return as_written(words)
    found = Writer()
    place, size = 0, len(words)
    while place < size:
        word = words[place]
        if word in _NUMERALS:
            end = place + 1
            while end < size and words[end] in _NUMERALS:
                end += 1
            _numeral(words[place:end], place, found)
            place = end
            continue
        if word not in FILLERS:
            found.add(word if word.isdigit() else [word], place, place)
        place += 1
    return found.words()


def _numeral(chars: Sequence[str], place: int, found: Writer) -> None:
    """Add one number for digits with units; digits without units, and lone units, stay single."""
    value = _value(chars) if len(chars) > 1 else None
    if value is not None:
        found.add(list(str(value)), place, place + len(chars) - 1)
        return
    for offset, char in enumerate(chars):
        digit = str(_DIGITS[char]) if char in _DIGITS else char
        found.add([digit], place + offset, place + offset)


def _value(chars: Sequence[str]) -> int | None:
    """Return None unless it is one number: not for digits in a row, or a unit alone, except ten."""
    total, section, digit = 0, 0, None
    for number, char in enumerate(chars):
        if char in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[char]
        elif char in _UNITS:
            if digit is None and (char != "十" or number):
                return None
            section += (1 if digit is None else digit) * _UNITS[char]
            digit = None
        else:
            if not section and not digit:
                return None
            total += (section + (digit or 0)) * _BIG[char]
            section, digit = 0, None
    return total + section + (digit or 0) if not set(chars) <= set(_DIGITS) else None
