"""English numbers as single digits, however they are written: "911", "nine one one", "1,000"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ONES = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL: Mapping[str, int] = {word: n for n, word in enumerate([*_ONES, *_TEENS])}
_ROUND: Mapping[str, int] = {word: 20 + 10 * n for n, word in enumerate(_TENS)}
_BIG: Mapping[str, int] = {"thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}


def number_at(words: Sequence[str], place: int) -> tuple[Sequence[str], int]:
    """Return the digits of the number that begins at `place`, and its count of words; 0 if none.

    Numbers that only follow one another stay apart: "nine one one" is three numbers.
    """
    word = words[place]
    if word.isascii() and word.isdigit():
        return list(word), 1
    if word == "oh" and _in_digits(words, place):
        return ["0"], 1
    value, end = _value_at(words, place)
    return (list(str(value)), end - place) if end > place else ((), 0)


def _in_digits(words: Sequence[str], place: int) -> bool:
    """Return whether an "oh" is a digit: it has two digits after it, or one on either side."""
    around = [words[at] if 0 <= at < len(words) else "" for at in (place - 1, place + 1, place + 2)]
    before, after, second = (word in _ONES or word.isdigit() or word == "oh" for word in around)
    return after and (before or second)


def _value_at(words: Sequence[str], place: int) -> tuple[int, int]:
    """`<up to 999> [billion|million|thousand [[and] <less>]]`; the end is `place` if none."""
    total, scale, end = 0, 10**12, place
    while True:
        start = _after_and(words, end) if end > place else end
        value, stop = _below_a_thousand(words, start)
        unit = _BIG.get(words[stop], 1) if stop < len(words) else 1
        if stop == start or unit >= scale:
            return total, end
        total, end, scale = total + value * unit, stop + (unit > 1), unit
        if unit == 1:
            return total, end


def _below_a_thousand(words: Sequence[str], place: int) -> tuple[int, int]:
    """`[<small>|a] hundred [[and] <small>]`, or `<small>`; the end is `place` if none."""
    value, end = _below_a_hundred(words, place)
    following = words[end] if end < len(words) else ""
    if end == place and words[place : place + 1] == ["a"] and place + 1 < len(words):
        following = words[place + 1]
        value, end = (1, place + 1) if following == "hundred" or following in _BIG else (0, place)
    if following != "hundred" or end == place or not 0 < value < 10:
        return value, end
    value, end = value * 100, end + 1
    start = _after_and(words, end)
    rest, stop = _below_a_hundred(words, start)
    return (value + rest, stop) if stop > start and rest else (value, end)


def _below_a_hundred(words: Sequence[str], place: int) -> tuple[int, int]:
    word = words[place] if place < len(words) else ""
    if word in _SMALL:
        return _SMALL[word], place + 1
    if word not in _ROUND:
        return 0, place
    one = _SMALL.get(words[place + 1], 0) if place + 1 < len(words) else 0
    return (_ROUND[word] + one, place + 2) if 0 < one < 10 else (_ROUND[word], place + 1)


def _after_and(words: Sequence[str], place: int) -> int:
    return place + 1 if words[place : place + 1] == ["and"] else place
