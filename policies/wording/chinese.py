"""Chinese made alike: simplified characters, numbers as single digits. The only opencc import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import opencc

from policies.wording.words import Words, Writer, as_written

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
_HAN = (range(0x3400, 0xA000), range(0xF900, 0xFB00), range(0x20000, 0x2FA20))


@cache
def _simplified() -> dict[int, str]:
    """Traditional characters, one by one: word by word would not keep their number."""
    traditional = [chr(code) for codes in _HAN for code in codes]
    simplified = opencc.OpenCC("t2s").convert("\n".join(traditional)).split("\n")
    pairs = zip(traditional, simplified, strict=True)
    return {ord(old): new for old, new in pairs if old != new and len(new) == 1}


def simplify(text: str) -> str:
    """Each traditional character as its usual simplified one; the length stays."""
    return text.translate(_simplified())


def meant(words: Sequence[str]) -> Words:
    """The words with numbers as single digits and without fillers; a string is one of Han only."""
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
    """A number with units is one number; digits without stand one by one, and so do lone units."""
    value = _value(chars) if len(chars) > 1 else None
    if value is not None:
        found.add(list(str(value)), place, place + len(chars) - 1)
        return
    for offset, char in enumerate(chars):
        digit = str(_DIGITS[char]) if char in _DIGITS else char
        found.add([digit], place + offset, place + offset)


def _value(chars: Sequence[str]) -> int | None:
    """None where it is not one number: digits in a row, or nothing before a unit but ten."""
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
