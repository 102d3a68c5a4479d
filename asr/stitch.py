"""Joins the transcripts of two parts of one unbroken stretch of speech at the cut between them.

The second part repeats the last `overlap_ms` of the first, so that the words around the cut were
written down twice, perhaps differently and perhaps halved. Which writing is right cannot be known:
all plausible joins are given, and whoever matches them takes what any of them says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Transcript, Word

_CARRIED = 12
"""Words of the first part that a join carries along: longer than any phrase over a cut."""
_UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})
"""Languages written without spaces."""


@dataclass(frozen=True, slots=True)
class Join:
    """`text` reads over the cut; from code point `new_from` on it is the second part's.

    `repeated_until` is the offset before which the second part's words lie in the overlap, and
    were in the first part's transcript too.
    """

    text: str
    new_from: int
    repeated_until: int


def joins(first: Transcript, second: Transcript, overlap_ms: int) -> list[Join]:
    """Every plausible reading over the cut, the one with all of the second part's words first.

    Without word times the two texts are set side by side, less what both say at the cut.
    """
    head, tail = _texts(first), _texts(second)
    space = "" if second.language in _UNSPACED else " "
    length_ms = round((first.ended_at - first.started_at).total_seconds() * 1000)
    repeated = sum(_middle(word) < overlap_ms for word in second.words)
    before = sum(_middle(word) < length_ms - overlap_ms for word in first.words)
    found = []
    if first.words and second.words:
        found.append(_join(head[:before], tail, repeated, space))
        found.append(_join(head, tail[repeated:], 0, space))
    same = _common(head, tail)
    if same or not found:
        found.append(_join(head, tail[same:], 0, space))
    return list(dict.fromkeys(found))


def _texts(transcript: Transcript) -> list[str]:
    if transcript.words:
        return [word.text for word in transcript.words]
    return list(transcript.text) if transcript.language in _UNSPACED else transcript.text.split()


def _middle(word: Word) -> float:
    return (word.start_ms + word.end_ms) / 2


def _common(head: Sequence[str], tail: Sequence[str]) -> int:
    """The most words with which `head` ends and `tail` begins."""
    most = min(len(head), len(tail), _CARRIED)
    return next((n for n in range(most, 0, -1) if list(head[-n:]) == list(tail[:n])), 0)


def _join(head: Sequence[str], tail: Sequence[str], repeated: int, space: str) -> Join:
    carried = space.join(head[-_CARRIED:])
    new_from = len(carried) + len(space) if carried else 0
    text = space.join([*head[-_CARRIED:], *tail])
    return Join(text, new_from, new_from + len(space.join(tail[:repeated])))
