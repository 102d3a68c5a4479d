"""Mandarin phrases by their syllables, whatever characters they were written with.

A homophone has the same syllables without tones; near takes initials and finals that accents merge
for one another (zh z, n l, ang an ...); loose leaves room for one syllable more, less or different.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.distance import edits
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.pronouncing.pinyin import alike, readings, syllable
from policies.tolerance import Tolerance

_MOST_READINGS = 64
"""Of one phrase, over all its characters that can be read in several ways."""
_OTHER = "\uffff"
"""A word that no phrase has."""
_ALIKE_COST = 0.25
"""Of a syllable, where only what is taken for it was heard."""


@dataclass(frozen=True, slots=True)
class _Reading:
    entry: int
    said: str
    merged: str


class MandarinSyllables:
    """Compiled once, then only read: threads may share it.

    Args:
        phrases: By number, with how far from each may be heard; an exact one is left out.
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

    def find(self, heard: Normalized) -> Iterator[Hit]:
        """Every stretch that is near enough to a phrase, overlaps included."""
        if not self._same_readings:
            return
        if len(heard.text) == len(heard.words):  # no Latin words in it
            said = heard.text.translate(self._codes)
        else:
            said = "".join(map(self._usual, heard.words))
        for found, start, end in self._same.find(said):
            for reading in self._same_readings[found]:
                yield Hit(reading.entry, start, end - 1, Layer.PINYIN)
        if not self._near_readings:
            return
        merged = said.translate(_MERGED)
        for found, start, end in self._near.find(merged):
            for reading in self._near_readings[found]:
                if (different := _differing(reading.said, said[start:end])) > 0:
                    distance = _ALIKE_COST * different / len(reading.said)
                    yield Hit(reading.entry, start, end - 1, Layer.PINYIN, distance)
        yield from self._find_loose(merged)

    def _find_loose(self, merged: str) -> Iterator[Hit]:
        candidates = {
            (reading, start - offset)
            for found, start, _ in self._halves.find(merged)
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
    """Character -> code of its usual syllable, for `str.translate`. Learns each once."""

    def __init__(self, latin: Mapping[str, str]) -> None:
        super().__init__({ord(word): code for word, code in latin.items() if len(word) == 1})

    def __missing__(self, char: int) -> str:
        code = syllable(chr(char))
        if not code:
            return _OTHER
        self[char] = code
        return code


class _Merged(dict[int, str]):
    """Code of a syllable -> that of all that are taken for it, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        found = self[code] = alike(chr(code)) if code < ord(_FIRST_LATIN) else chr(code)
        return found


_FIRST_LATIN = "\uf000"
"""Code points from here on stand for the words that are not Chinese."""
_MERGED = _Merged()


def syllable_length(words: Sequence[str]) -> int:
    return len(words)


def _latin_words(phrases: Iterator[Normalized]) -> Mapping[str, str]:
    words = {word: None for phrase in phrases for word in phrase.words if not syllable(word)}
    last = ord(_OTHER) - 1
    return {word: chr(min(ord(_FIRST_LATIN) + n, last)) for n, word in enumerate(words)}


def _differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))
