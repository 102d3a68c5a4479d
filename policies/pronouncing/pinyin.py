"""How Mandarin sounds: syllables without tones, one code point each. The only pypinyin import."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

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
"""What many speakers, and so recognisers, take for one another."""

_DIGITS = ("ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu")


@lru_cache(maxsize=65_536)
def syllables(char: str) -> tuple[str, ...]:
    """Every reading of one character or digit, each as one code point, the usual one first.

    None for what is not Chinese.
    """
    if char.isdigit() and char.isascii():
        names: tuple[str, ...] = (_DIGITS[int(char)],) if len(char) == 1 else ()
    else:
        names = _names(PINYIN_DICT.get(ord(char), "")) if len(char) == 1 else ()
    return tuple(dict.fromkeys(_coded(*found) for name in names if (found := _parted(name))))


@lru_cache(maxsize=4096)
def alike(syllable: str) -> str:
    """The one code point that stands for every syllable taken for this one."""
    initial, final = _apart(syllable)
    return _coded(_ALIKE_INITIALS.get(initial, initial), _ALIKE_FINALS.get(final, final))


def spelled(syllable: str) -> str:
    """The letters of a code point of `syllables`."""
    return "".join(_apart(syllable))


def _names(marked: str) -> tuple[str, ...]:
    apart = unicodedata.normalize("NFD", marked).replace("u\u0308", "v")
    return tuple("".join(c for c in apart if not unicodedata.combining(c)).split(","))


def _parted(name: str) -> tuple[str, str] | None:
    found = _SYLLABLE.fullmatch(name)
    if found is None or found[2] not in _FINALS:
        return None
    return found[1], found[2]


def _coded(initial: str, final: str) -> str:
    return chr(_BASE + _INITIALS.index(initial) * len(_FINALS) + _FINALS.index(final))


def _apart(syllable: str) -> tuple[str, str]:
    initial, final = divmod(ord(syllable) - _BASE, len(_FINALS))
    return _INITIALS[initial], _FINALS[final]
