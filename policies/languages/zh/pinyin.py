"""Mandarin syllables without tones, one code point each. The only pypinyin import."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from pypinyin import lazy_pinyin
from pypinyin.constants import PINYIN_DICT

_INITIALS = ("", *"bpmfdtnlgkhjqxrzcsyw", "zh", "ch", "sh")
_FINALS = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie in ing iong iu o ong ou u ua uai uan uang "
    "ue ui un uo v ve"
).split()
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.+)")
_BASE = 0xE000
"""The first private-use code point."""

_ALIKE_INITIALS: Mapping[str, str] = {"zh": "z", "ch": "c", "sh": "s", "n": "l"}
_ALIKE_FINALS: Mapping[str, str] = {
    "ang": "an", "eng": "en", "ing": "in", "iang": "ian", "uang": "uan",
}  # fmt: skip
"""Sounds that many speakers, and so recognisers, do not tell apart."""

_DIGIT_NAMES: Mapping[str, str] = dict(
    zip("0123456789", "ling yi er san si wu liu qi ba jiu".split(), strict=True)
)


@lru_cache(maxsize=65_536)
def syllable(char: str) -> str:
    """Return the usual reading of a character or digit as a code point; empty if not Chinese."""
    if len(char) != 1:
        return ""
    if char in _DIGIT_NAMES:
        return _syllable(_DIGIT_NAMES[char])
    return _syllable(_usual(PINYIN_DICT.get(ord(char), "")))


def readings(chars: Sequence[str]) -> Sequence[tuple[str, ...]]:
    """Return the readings of each character or digit of a phrase, each reading as one code point.

    They are the usual reading, which a text is read with, and the reading in these words; rare and
    archaic ones are left out. A word that is not Chinese has none.
    """
    usual = [syllable(char) for char in chars]
    meant = usual
    if all(len(char) == 1 and ord(char) in PINYIN_DICT for char in chars):
        meant = [_syllable(name) for name in lazy_pinyin("".join(chars), v_to_u=False)]
    pairs = zip(usual, meant, strict=True)
    return [tuple(dict.fromkeys(filter(None, pair))) for pair in pairs]


@lru_cache(maxsize=4096)
def merge_syllable(coded: str) -> str:
    """Return the code point that stands for all syllables that sound like this one."""
    initial, final = _apart(coded)
    return _coded(_ALIKE_INITIALS.get(initial, initial), _ALIKE_FINALS.get(final, final))


def spell_syllable(coded: str) -> str:
    """Return the letters of a code point of `syllable`."""
    return "".join(_apart(coded))


def _usual(marked: str) -> str:
    """Return the first of the readings, without its tone."""
    apart = unicodedata.normalize("NFD", marked.split(",")[0]).replace("u\u0308", "v")
    return "".join(char for char in apart if not unicodedata.combining(char))


def _syllable(name: str) -> str:
    found = _SYLLABLE.fullmatch(name)
    return _coded(found[1], found[2]) if found and found[2] in _FINALS else ""


def _coded(initial: str, final: str) -> str:
    return chr(_BASE + _INITIALS.index(initial) * len(_FINALS) + _FINALS.index(final))


def _apart(coded: str) -> tuple[str, str]:
    initial, final = divmod(ord(coded) - _BASE, len(_FINALS))
    return _INITIALS[initial], _FINALS[final]
