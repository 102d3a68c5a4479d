"""The sounds of American English, one ASCII letter each, and the distance between them.

    b d f g h j k l m n p r s t v w z   as in IPA
    N sing  S ship  Z measure  C chip  J jam  T thin  D then
    i beat  y bit  e bet  a bat  q cot  c caught  x cut, about  U book  u boot
    A day  I my  O go  W now  Y boy

The r-coloured vowel of "bird" is `x` and `r`. A class holds the sounds that recognisers
confuse most: voiced and voiceless pairs, nasals, neighbouring vowels.
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
"""Costs of hearing one sound as another."""
_WEAK: Mapping[str, float] = {"x": 0.5, "y": 0.5, "h": 0.5, "t": 0.6, "d": 0.6, "r": 0.6}
"""Costs of sounds that speakers often swallow: reduced vowels, h, final stops, r."""
_VOWEL, _CONSONANT = 0.6, 0.8

SKIP: Mapping[str, float] = {
    phone: _WEAK.get(phone, _VOWEL if phone in VOWELS else _CONSONANT) for phone in PHONES
}
"""Cost of leaving a sound out, or of putting one in."""
LEAST = 0.5
"""Lowest cost of an edit that `fold_phones` does not hide."""


def fold_phones(phones: str) -> str:
    """Replace each sound by the first of its class."""
    return phones.translate(_FOLDED)


def _costs() -> dict[str, dict[str, float]]:
    costs: dict[str, dict[str, float]] = {phone: {} for phone in PHONES}
    for one, other in product(PHONES, PHONES):
        if one == other:
            cost = 0.0
        elif fold_phones(one) == fold_phones(other):
            cost = SAME_CLASS
        else:
            cost = BOTH_VOWELS if one in VOWELS and other in VOWELS else DIFFERENT
        costs[one][other] = cost
    return costs


SUBSTITUTE: Mapping[str, Mapping[str, float]] = _costs()


def phone_distance(one: str, other: str, most: float) -> float:
    """Return the cost of turning one string of sounds into another; infinite above `most`."""
    row = [0.0]
    for phone in other:
        row.append(row[-1] + SKIP[phone])
    for phone in one:
        costs, skip = SUBSTITUTE[phone], SKIP[phone]
        before, left = row[0], row[0] + skip
        row[0] = least = left
        for place, second in enumerate(other, 1):
            above = row[place]
            left += SKIP[second]
            if above + skip < left:
                left = above + skip
            if before + costs[second] < left:
                left = before + costs[second]
            before = above
            row[place] = left
            if left < least:
                least = left
        if least > most:
            return float("inf")
    return row[-1] if row[-1] <= most else float("inf")


def costs_by_phone(one: str, other: str) -> list[float]:
    """Return the cost of each sound of `one` in the cheapest change of `one` into `other`.

    The cost of a sound that is put in counts for the sound before it; at the front, for the first.
    """
    rows = [[0.0]]
    for phone in other:
        rows[0].append(rows[0][-1] + SKIP[phone])
    for phone in one:
        above, row = rows[-1], [rows[-1][0] + SKIP[phone]]
        for place, second in enumerate(other, 1):
            change = above[place - 1] + SUBSTITUTE[phone][second]
            row.append(min(change, above[place] + SKIP[phone], row[-1] + SKIP[second]))
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


def count_phones(phones: str) -> int:
    """Count sounds, the r-coloured vowel as one; the shortest lengths of phrases count so."""
    return len(phones) - phones.count("xr")
