"""Mandarin phrases by their syllables, in any characters.

A homophone has the same syllables without tones. Near also treats initials and finals that accents
merge as the same (zh z, n l, ang an ...). Loose also allows one syllable more, less or different.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from policies.languages.zh.pinyin import merge_syllable, readings, spell_syllable, syllable
from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.distance import edits
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.tolerance import Tolerance

_MOST_READINGS = 64
"""Most readings of one phrase, over all its characters with several readings."""
_OTHER = "\uffff"
"""Code of a word that is in no phrase."""
_ALIKE_COST = 0.25
"""Cost of a syllable, relative to a different one, that only accents make the same."""


@dataclass(frozen=True, slots=True)
class _Reading:
    entry: int
    said: str
    merged: str


class SyllableMatcher:
    """Matcher of phrases by syllables, compiled once and read-only: threads may share it.

    Args:
        phrases: Phrases by number, with their tolerances; exact ones are left out.
    """

    def __init__(self, phrases: Mapping[int, tuple[Normalized, Tolerance]]) -> None:
        self._latin = _latin_words(phrase for phrase, _ in phrases.values())
        self._codes = _Codes(self._latin)
        same: dict[str, list[_Reading]] = {}
        near: dict[str, list[_Reading]] = {}
        halves: dict[str, list[tuple[_Reading, int]]] = {}
        for entry, (phrase, tolerance) in phrases.items():
            for said in self._readings(phrase.words) if tolerance is not Tolerance.EXACT else ():
                reading = _Reading(entry, said, said.translate(_MERGED))
                same.setdefault(said, []).append(reading)
                if tolerance is not Tolerance.HOMOPHONE:
                    near.setdefault(reading.merged, []).append(reading)
                if tolerance is Tolerance.LOOSE:
                    middle = len(said) // 2
                    halves.setdefault(reading.merged[:middle], []).append((reading, 0))
                    halves.setdefault(reading.merged[middle:], []).append((reading, middle))
        self._same, self._same_readings = Automaton(list(same)), tuple(map(tuple, same.values()))
        self._near, self._near_readings = Automaton(list(near)), tuple(map(tuple, near.values()))
        self._halves, self._loose = Automaton(list(halves)), tuple(map(tuple, halves.values()))

    def find_hits(self, words: Normalized) -> Iterator[Hit]:
        """Yield each range of words that is near enough to a phrase, overlaps included."""
        if not self._same_readings:
            return
        if len(words.text) == len(words.words):  # no Latin words
            said = words.text.translate(self._codes)
        else:
            said = "".join(map(self._usual, words.words))
        for found, start, end in self._same.find_strings(said):
            for reading in self._same_readings[found]:
                yield Hit(reading.entry, start, end - 1, Layer.PINYIN)
        if not self._near_readings:
            return
        merged = said.translate(_MERGED)
        for found, start, end in self._near.find_strings(merged):
            for reading in self._near_readings[found]:
                if (different := _differing(reading.said, said[start:end])) > 0:
                    distance = _ALIKE_COST * different / len(reading.said)
                    yield Hit(reading.entry, start, end - 1, Layer.PINYIN, distance)
        yield from self._find_loose(merged)

    def _find_loose(self, merged: str) -> Iterator[Hit]:
        candidates = {
            (reading, start - offset)
            for found, start, _ in self._halves.find_strings(merged)
            for reading, offset in self._loose[found]
        }
        for reading, place in candidates:
            size = len(reading.merged)
            for first in range(max(0, place - 1), max(0, place + 1) + 1):
                for end in range(first + size - 1, min(first + size + 1, len(merged)) + 1):
                    if edits(reading.merged, merged[first:end], score_cutoff=1) == 1:
                        yield Hit(reading.entry, first, end - 1, Layer.PINYIN, 1 / size)

    def _readings(self, words: Sequence[str]) -> Iterator[str]:
        each = zip(words, readings(words), strict=True)
        ways = (said or (self._latin.get(word, _OTHER),) for word, said in each)
        return islice(map("".join, product(*ways)), _MOST_READINGS)

    def _usual(self, word: str) -> str:
        return syllable(word) or self._latin.get(word, _OTHER)


class _Codes(dict[int, str]):
    """Map of characters to codes of their usual syllables, for `str.translate`; grows on demand."""

    def __init__(self, latin: Mapping[str, str]) -> None:
        super().__init__({ord(word): code for word, code in latin.items() if len(word) == 1})

    def __missing__(self, char: int) -> str:
        code = syllable(chr(char))
        if not code:
            return _OTHER
        self[char] = code
        return code


class _Merged(dict[int, str]):
    """Map of syllables to the codes of all that sound like them, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        found = self[code] = merge_syllable(chr(code)) if code < ord(_FIRST_LATIN) else chr(code)
        return found


_FIRST_LATIN = "\uf000"
"""First of the code points that stand for words that are not Chinese."""
_MERGED = _Merged()


def spell_sounds(words: Sequence[str]) -> str:
    """Return the usual syllable of each word; a word that is not Chinese stays."""
    coded = ((word, syllable(word)) for word in words)
    return " ".join(spell_syllable(code) if code else word for word, code in coded)


def _latin_words(phrases: Iterator[Normalized]) -> Mapping[str, str]:
    words = {word: None for phrase in phrases for word in phrase.words if not syllable(word)}
    last = ord(_OTHER) - 1
    return {word: chr(min(ord(_FIRST_LATIN) + n, last)) for n, word in enumerate(words)}


def _differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))
