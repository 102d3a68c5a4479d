"""The sounds of American English, one ASCII letter each, and how alike two of them are.

    b d f g h j k l m n p r s t v w z   as in IPA
    N sing  S ship  Z measure  C chip  J jam  T thin  D then
    i beat  y bit  e bet  a bat  q cot  c caught  x cut, about  U book  u boot
    A day  I my  O go  W now  Y boy

The r-coloured vowel of "bird" is `x` and `r`. Two sounds of one class are what recognisers confuse
most: voiced and voiceless pairs, nasals, neighbouring vowels.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

_CLASSES = ("qcxU", "ae", "yiA", "OWu", "IY", "pb", "tdTD", "kg", "fv", "sz", "SZCJ", "mnN")
_ALONE = "hjlrw"
VOWELS = frozenset("yieaqcxUuAIOWY")
PHONES = "".join(_CLASSES) + _ALONE

_FOLDED = str.maketrans({phone: each[0] for each in _CLASSES for phone in each})

SAME_CLASS, BOTH_VOWELS, DIFFERENT = 0.25, 0.5, 1.0
"""What it costs to hear one sound for another."""
_WEAK: Mapping[str, float] = {"x": 0.5, "y": 0.5, "h": 0.5, "t": 0.6, "d": 0.6, "r": 0.6}
"""What speakers swallow most: reduced vowels, h, final stops, r."""
_VOWEL, _CONSONANT = 0.6, 0.8

SKIP: Mapping[str, float] = {
    phone: _WEAK.get(phone, _VOWEL if phone in VOWELS else _CONSONANT) for phone in PHONES
}
"""What it costs to leave a sound out, or to put one in."""
LEAST = 0.5
"""The least that an edit costs which `fold` does not hide."""


def fold(phones: str) -> str:
    """Each sound as the first of its class."""
    return phones.translate(_FOLDED)


def _costs() -> dict[str, dict[str, float]]:
    costs: dict[str, dict[str, float]] = {phone: {} for phone in PHONES}
    for one, other in product(PHONES, PHONES):
        if one == other:
            cost = 0.0
        elif fold(one) == fold(other):
            cost = SAME_CLASS
        else:
            cost = BOTH_VOWELS if one in VOWELS and other in VOWELS else DIFFERENT
        costs[one][other] = cost
    return costs


SUBSTITUTE: Mapping[str, Mapping[str, float]] = _costs()


def distance(one: str, other: str, most: float) -> float:
    """The cost of turning one string of sounds into another; infinite once it is above `most`."""
    row = [0.0]
    for phone in other:
        row.append(row[-1] + SKIP[phone])
    for phone in one:
        costs, skip = SUBSTITUTE[phone], SKIP[phone]
        before, left = row[0], row[0] + skip
        row[0] = least = left
        for place, heard in enumerate(other, 1):
            above = row[place]
            left += SKIP[heard]
            if above + skip < left:
                left = above + skip
            if before + costs[heard] < left:
                left = before + costs[heard]
            before = above
            row[place] = left
            if left < least:
                least = left
        if least > most:
            return float("inf")
    return row[-1] if row[-1] <= most else float("inf")


def costs_by_phone(one: str, other: str) -> list[float]:
    """What each sound of `one` costs in the cheapest way to turn it into `other`.

    A sound of `other` that was put in counts for the one before it (the first one, at the front).
    """
    rows = [[0.0]]
    for phone in other:
        rows[0].append(rows[0][-1] + SKIP[phone])
    for phone in one:
        above, row = rows[-1], [rows[-1][0] + SKIP[phone]]
        for place, heard in enumerate(other, 1):
            change = above[place - 1] + SUBSTITUTE[phone][heard]
            row.append(min(change, above[place] + SKIP[phone], row[-1] + SKIP[heard]))
        rows.append(row)
    costs = [0.0] * len(one)
    place, heard_place = len(one), len(other)
    while place or heard_place:
        here = rows[place][heard_place]
        number = max(place - 1, 0)
        if place and here == rows[place - 1][heard_place] + SKIP[one[number]]:
            before = (place - 1, heard_place)
        elif heard_place and here == rows[place][heard_place - 1] + SKIP[other[heard_place - 1]]:
            before = (place, heard_place - 1)
        else:
            before = (place - 1, heard_place - 1)
        costs[number] += here - rows[before[0]][before[1]]
        place, heard_place = before
    return costs


def length(phones: str) -> int:
    """How many sounds, the r-coloured vowel counted as one: what shortest lengths are given in."""
    return len(phones) - phones.count("xr")
