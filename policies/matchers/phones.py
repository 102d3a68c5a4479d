"""English phrases by their sound, through what recognisers make of words.

Pieces of each phrase's sounds are looked for (Aho-Corasick over classes of sounds); where one is
found, the words around it are compared with the whole phrase: first by the number of edits between
classes, a quick bound, then by the weighted distance of `pronouncing.phones`. What is found always
begins and ends with whole words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from policies.match import Layer
from policies.matchers.automaton import Automaton
from policies.matchers.distance import edits
from policies.matchers.hit import Hit
from policies.normalize import Normalized
from policies.pronouncing import phones
from policies.pronouncing.english import sounds
from policies.tolerance import SHARE, Tolerance
from policies.wording.english import FUNCTION_WORDS

_MOST_READINGS = 4
"""Of one phrase; more would be rare ways to say it."""
_MOST_OF_A_WORD = 1 / 3
"""Of the sounds of a word that carries meaning, the weighted share that must not differ."""
_ALMOST_ALL = 0.8
"""Of what it costs to leave out a small word at an edge: "coming for" is not "coming for you"."""
_PIECE = 5
"""Sounds of a piece that is looked for; shorter ones are everywhere."""


class _Reading(NamedTuple):
    """One way to say a phrase.

    Attributes:
        most: The weighted distance up to which it is heard.
        edits: The most edits between classes of sounds that this leaves room for.
        limits: Where in it words are that must be there, and the cost that none may reach.
    """

    said: str
    classes: str
    most: float
    edits: int
    limits: tuple[tuple[int, int, float], ...]


class _Piece(NamedTuple):
    """A part of a reading's classes that is looked for, and what stands before and after it."""

    entry: int
    reading: _Reading
    head: str
    tail: str
    edits: int


class EnglishPhones:
    """Compiled once, then only read: threads may share it.

    Args:
        phrases: By number, with how far from each may be heard; an exact one is left out.
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

    def find(self, heard: Normalized) -> Iterator[Hit]:
        """Every stretch of words that is near enough to a phrase, overlaps included."""
        if not self._pieces:
            return
        said = _Said(heard.words)
        tried: set[tuple[int, str, int, int]] = set()
        for piece, first, last in _stretches(self._automaton, self._pieces, said):
            key = (piece.entry, piece.reading.said, first, last)
            if key not in tried:
                tried.add(key)
                distance = _distance(piece.reading, said, first, last)
                if distance is not None:
                    yield Hit(piece.entry, first, last, Layer.PHONES, distance)


def sound_length(words: Sequence[str]) -> int:
    """Sounds of a phrase as it is said most often; 0 where a word of it has none."""
    return phones.length("".join(next(_ways(words), ())))


def _ways(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The ways to say a phrase, word by word; none where a word of it has no sound."""
    return islice(product(*map(sounds, words)), _MOST_READINGS)


class _Said:
    """The sounds of what was heard, and where in them each word begins and ends."""

    __slots__ = ("begins", "classes", "ends", "first_from", "last_from", "said")

    def __init__(self, words: Sequence[str]) -> None:
        said: list[str] = []
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.first_from: list[int] = [0]
        """For each place the number of the first word that begins there or later."""
        self.last_from: list[int] = [0]
        """For each place the number of the first word that ends there or later."""
        at = 0
        for number, word in enumerate(words):
            ways = sounds(word)
            self.begins.append(at)
            if ways:
                said.append(ways[0])
                at += len(ways[0])
                self.first_from.extend([number + 1] * len(ways[0]))
                self.last_from.extend([number] * len(ways[0]))
            self.ends.append(at)
        self.said = "".join(said)
        self.classes = phones.fold(self.said)


def _stretches(
    automaton: Automaton, listed: Sequence[Sequence[_Piece]], said: _Said
) -> Iterator[tuple[_Piece, int, int]]:
    """First and last word of every stretch around a found piece that may be the whole phrase.

    Before and after the piece no more edits are spent than the phrase has in all: that rules out
    most pieces that are there by chance, with two comparisons of short strings. Written as one loop
    because nearly all the time that matching takes is spent here.
    """
    classes, begins, ends = said.classes, said.begins, said.ends
    first_from, last_from = said.first_from, said.last_from
    size, words = len(classes), len(begins)
    for found, start, end in automaton.find(classes):
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
    """Remembered, because a pack's phrases are compiled several times while it is loaded."""
    if tolerance is Tolerance.EXACT:
        return ()
    return [_reading(words, ways, SHARE[tolerance]) for ways in _ways(words)]


def _reading(words: Sequence[str], ways: Sequence[str], share: float) -> _Reading:
    said = "".join(ways)
    most = share * len(said)
    edits = int(most / phones.LEAST)
    return _Reading(said, phones.fold(said), most, edits, tuple(_limits(words, ways)))


def _limits(words: Sequence[str], ways: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    at, edges = 0, (0, len(words) - 1)
    for number, (word, way) in enumerate(zip(words, ways, strict=True)):
        if word not in FUNCTION_WORDS:
            yield at, at + len(way), _MOST_OF_A_WORD * len(way)
        elif number in edges and len(way) > 1:
            yield at, at + len(way), _ALMOST_ALL * sum(phones.SKIP[phone] for phone in way)
        at += len(way)


def _pieces(reading: _Reading) -> Iterator[tuple[int, int]]:
    """Where the pieces are; a homophone is one piece, as all of it must be there."""
    size = len(reading.said)
    count = max(1, min(reading.edits + 1, size // _PIECE))
    for number in range(count):
        yield number * size // count, (number + 1) * size // count


def _distance(reading: _Reading, said: _Said, first: int, last: int) -> float | None:
    """As a share of the phrase's sounds; None where it is too far."""
    heard, size = said.said[said.begins[first] : said.ends[last]], len(reading.said)
    if not reading.edits:  # a homophone: the classes are the same
        return phones.distance(reading.said, heard, size) / size
    found = phones.distance(reading.said, heard, reading.most)
    if found > reading.most or not _has_its_meaning(reading, heard):
        return None
    return found / size


def _has_its_meaning(reading: _Reading, heard: str) -> bool:
    """Whether no word that must be there is mostly another: "kill you" is not "tell you"."""
    costs = phones.costs_by_phone(reading.said, heard)
    return all(sum(costs[begin:end]) < limit for begin, end, limit in reading.limits)
