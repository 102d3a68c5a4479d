"""English phrases by their sound, through recognition errors.

Aho-Corasick finds pieces of each phrase's sounds, as classes of sounds. Around each piece, words
are compared with the whole phrase: first by the number of edits between classes, a quick bound,
then by the weighted distance of `phones`. A hit always begins and ends with whole words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from policies.languages.en import phones
from policies.languages.en.pronunciation import pronounce
from policies.languages.en.wording import FUNCTION_WORDS
from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.distance import edits
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.tolerance import Tolerance

SHARE: Mapping[Tolerance, float] = {
    Tolerance.HOMOPHONE: 0.0,
    Tolerance.NEAR: 0.15,
    Tolerance.LOOSE: 0.20,
}
"""Weighted share of a phrase's sounds that may differ."""
_MOST_READINGS = 4
"""Most pronunciations of one phrase; more would be rare ones."""
_MOST_OF_A_WORD = 1 / 3
"""Weighted share of the sounds of a word with meaning at which it counts as another word."""
_ALMOST_ALL = 0.8
"""Share of the cost of a small word at an edge that may be spent there: "coming for" is not "coming
for you"."""
_PIECE = 5
"""Sounds of a piece; shorter pieces would be found everywhere."""


class _Reading(NamedTuple):
    """One pronunciation of a phrase.

    Attributes:
        most: Largest weighted distance of a hit.
        edits: Most edits between classes of sounds within that distance.
        limits: Start and end of each word that must be present, and the cost that it may not reach.
    """

    said: str
    classes: str
    most: float
    edits: int
    limits: tuple[tuple[int, int, float], ...]


class _Piece(NamedTuple):
    """A part of a reading's classes, with the classes before and after it."""

    entry: int
    reading: _Reading
    head: str
    tail: str
    edits: int


class PhoneMatcher:
    """Matcher of phrases by phones, compiled once and read-only: threads may share it.

    Args:
        phrases: Phrases by number, with their tolerances; exact ones are left out.
    """

    def __init__(self, phrases: Mapping[int, tuple[Normalized, Tolerance]]) -> None:
        pieces: dict[str, list[_Piece]] = {}
        for entry, (phrase, tolerance) in phrases.items():
            for reading in _readings(tuple(phrase.words), tolerance):
                for start, end in _pieces(reading):
                    classes = reading.classes
                    piece = _Piece(entry, reading, classes[:start], classes[end:], reading.edits)
                    pieces.setdefault(classes[start:end], []).append(piece)
        self._pieces = tuple(map(tuple, pieces.values()))
        self._automaton = Automaton(list(pieces))

    def find_hits(self, words: Normalized) -> Iterator[Hit]:
        """Yield each range of words that is near enough to a phrase, overlaps included."""
        if not self._pieces:
            return
        said = _Sounds(words.words)
        tried: set[tuple[int, str, int, int]] = set()
        for piece, first, last in _stretches(self._automaton, self._pieces, said):
            key = (piece.entry, piece.reading.said, first, last)
            if key not in tried:
                tried.add(key)
                distance = _distance(piece.reading, said, first, last)
                if distance is not None:
                    yield Hit(piece.entry, first, last, Layer.PHONES, distance)


def count_sounds(words: Sequence[str]) -> int:
    """Count the sounds of a phrase as it is said most often; 0 where a word of it has none."""
    return phones.count_phones("".join(next(_ways(words), ())))


def spell_sounds(words: Sequence[str]) -> str:
    """Return the usual pronunciation of each word; a question mark for a word without one."""
    return " ".join((pronounce(word) or ("?",))[0] for word in words)


def _ways(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the pronunciations of a phrase, word by word; none where a word has no sound."""
    return islice(product(*map(pronounce, words)), _MOST_READINGS)


class _Sounds:
    """Sounds of an utterance, with the start and end of each word in them."""

    __slots__ = ("begins", "classes", "ends", "first_from", "last_from", "said")

    def __init__(self, words: Sequence[str]) -> None:
        said: list[str] = []
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.first_from: list[int] = [0]
        """Number of the first word that begins at each place or later."""
        self.last_from: list[int] = [0]
        """Number of the first word that ends at each place or later."""
        at = 0
        for number, word in enumerate(words):
            ways = pronounce(word)
            self.begins.append(at)
            if ways:
                said.append(ways[0])
                at += len(ways[0])
                self.first_from.extend([number + 1] * len(ways[0]))
                self.last_from.extend([number] * len(ways[0]))
            self.ends.append(at)
        self.said = "".join(said)
        self.classes = phones.fold_phones(self.said)


def _stretches(
    automaton: Automaton, listed: Sequence[Sequence[_Piece]], said: _Sounds
) -> Iterator[tuple[_Piece, int, int]]:
    """Yield the first and last word of each range around a piece that may be the whole phrase.

    The parts before and after the piece may need no more edits than the phrase allows in all. This
    rules out most pieces found by chance, with two comparisons of short strings. It is one loop
    because matching spends nearly all of its time here.
    """
    classes, begins, ends = said.classes, said.begins, said.ends
    first_from, last_from = said.first_from, said.last_from
    size, words = len(classes), len(begins)
    for found, start, end in automaton.find_strings(classes):
        for piece in listed[found]:
            _, _, head, tail, most = piece
            place = start - len(head)
            low, high = max(0, place - most), min(start, place + most)
            if high < 0:
                continue
            firsts = []
            for first in range(first_from[low], first_from[high + 1] if high < size else words):
                spent = edits(head, classes[begins[first] : start], score_cutoff=most)
                if spent <= most and begins[first] < ends[first]:
                    firsts.append((first, spent))
            if not firsts:
                continue
            place = end + len(tail)
            low, high = max(end, place - most), min(size, place + most)
            if low > size:
                continue
            for last in range(last_from[low], last_from[high + 1] if high < size else words):
                spent = edits(tail, classes[end : ends[last]], score_cutoff=most)
                if spent > most or begins[last] == ends[last]:
                    continue
                for first, before in firsts:
                    if before + spent <= most and first <= last:
                        yield piece, first, last


@lru_cache(maxsize=65_536)
def _readings(words: tuple[str, ...], tolerance: Tolerance) -> Sequence[_Reading]:
    """Return a phrase's readings; cached, because loading a pack compiles phrases several times."""
    if tolerance is Tolerance.EXACT:
        return ()
    return [_reading(words, ways, SHARE[tolerance]) for ways in _ways(words)]


def _reading(words: Sequence[str], ways: Sequence[str], share: float) -> _Reading:
    said = "".join(ways)
    most = share * len(said)
    edits = int(most / phones.LEAST)
    return _Reading(said, phones.fold_phones(said), most, edits, tuple(_limits(words, ways)))


def _limits(words: Sequence[str], ways: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    at, edges = 0, (0, len(words) - 1)
    for number, (word, way) in enumerate(zip(words, ways, strict=True)):
        if word not in FUNCTION_WORDS:
            yield at, at + len(way), _MOST_OF_A_WORD * len(way)
        elif number in edges and len(way) > 1:
            yield at, at + len(way), _ALMOST_ALL * sum(phones.SKIP[phone] for phone in way)
        at += len(way)


def _pieces(reading: _Reading) -> Iterator[tuple[int, int]]:
    """Yield start and end of each piece; a homophone is one piece, as all of it must be present."""
    size = len(reading.said)
    count = max(1, min(reading.edits + 1, size // _PIECE))
    for number in range(count):
        yield number * size // count, (number + 1) * size // count


def _distance(reading: _Reading, said: _Sounds, first: int, last: int) -> float | None:
    """Return the distance as a share of the phrase's sounds; None if it is too far."""
    part, size = said.said[said.begins[first] : said.ends[last]], len(reading.said)
    if not reading.edits:  # a homophone: the classes are the same
        return phones.phone_distance(reading.said, part, size) / size
    found = phones.phone_distance(reading.said, part, reading.most)
    if found > reading.most or not _has_its_meaning(reading, part):
        return None
    return found / size


def _has_its_meaning(reading: _Reading, part: str) -> bool:
    """Return whether each word that must be present is: "kill you" is not "tell you"."""
    costs = phones.costs_by_phone(reading.said, part)
    return all(sum(costs[begin:end]) < limit for begin, end, limit in reading.limits)
