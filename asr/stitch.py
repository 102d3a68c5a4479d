"""Joining the transcripts of two parts of unbroken speech at the cut between them.

The second part repeats the last `overlap_ms` of the first. So the words around the cut are
transcribed twice, perhaps differently, perhaps cut in half. Nothing shows which version is right.
So all plausible joins are returned, for the matcher to search them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asr.speech import Transcript, Word

_CARRIED = 40
"""Words of the first part in a join: more than in any phrase over a cut."""
_SLACK_MS = 150
"""Error of a model's word times."""
_UNTIMED_WORDS = 5
"""Words that half a second of overlap may hold, where words have no times."""
UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km"})
"""SpeakerLanguages written without spaces."""


@dataclass(frozen=True, slots=True)
class Join:
    """One reading over the cut.

    Attributes:
        text: End of the first part and the second part.
        new_from: Code point from which the text is the second part's.
        repeated_until: Code point up to which the text may lie in the overlap, and so be in the
            first part's transcript too.
    """

    text: str
    new_from: int
    repeated_until: int


def join_parts(first: Transcript, second: Transcript, overlap_ms: int) -> list[Join]:
    """Return every plausible reading over the cut, the likeliest first.

    A word over the beginning or the end of the overlap is whole in one part and cut in half in the
    other: the first part is right before the middle of the overlap, the second after it. Other
    places for the change cover errors in the model's times. Without times the two texts are put one
    after the other, without the words that both have at the cut, and with and without the words at
    their edges.
    """
    if first.words and second.words:
        places = (overlap_ms // 2, 0, overlap_ms, overlap_ms // 4, overlap_ms * 3 // 4)
        found = [_timed(first, second, overlap_ms, place) for place in places]
    else:
        found = [_untimed(first, second, left, right) for left in (0, 1) for right in (0, 1)]
    return list(dict.fromkeys(found))


def count_tail(transcript: Transcript, last_ms: int) -> int:
    """Count the code points of the last `last_ms` of a transcript, or slightly more."""
    words = _words(transcript)
    if transcript.words:
        length_ms = round((transcript.ended_at - transcript.started_at).total_seconds() * 1000)
        since_ms = length_ms - last_ms - _SLACK_MS
        words = [word.text for word in transcript.words if word.end_ms > since_ms]
    else:
        words = words[-_UNTIMED_WORDS:]
    space = _space(transcript)
    return len(space.join(words)) + len(space)


def _timed(first: Transcript, second: Transcript, overlap_ms: int, place_ms: int) -> Join:
    """Join the parts with the change `place_ms` into the overlap."""
    length_ms = round((first.ended_at - first.started_at).total_seconds() * 1000)
    head = [w.text for w in first.words if _middle(w) < length_ms - overlap_ms + place_ms]
    tail = [w for w in second.words if _middle(w) >= place_ms]
    repeated = sum(_middle(word) < overlap_ms + _SLACK_MS for word in tail)
    return _join(head, [word.text for word in tail], repeated, _space(second))


def _untimed(first: Transcript, second: Transcript, left: int, right: int) -> Join:
    """Join the parts without `left` words before the cut and `right` words after it."""
    head, tail = _words(first), _words(second)[right:]
    head = head[: len(head) - left]
    tail = tail[_count_common(head, tail) :]
    return _join(head, tail, _UNTIMED_WORDS, _space(second))


def _space(transcript: Transcript) -> str:
    return "" if transcript.language in UNSPACED else " "


def _words(transcript: Transcript) -> list[str]:
    if transcript.words:
        return [word.text for word in transcript.words]
    return list(transcript.text) if transcript.language in UNSPACED else transcript.text.split()


def _middle(word: Word) -> float:
    return (word.start_ms + word.end_ms) / 2


def _count_common(head: Sequence[str], tail: Sequence[str]) -> int:
    """Count the words with which both `head` ends and `tail` begins."""
    most = min(len(head), len(tail), _CARRIED)
    return next((n for n in range(most, 0, -1) if list(head[-n:]) == list(tail[:n])), 0)


def _join(head: Sequence[str], tail: Sequence[str], repeated: int, space: str) -> Join:
    carried = space.join(head[-_CARRIED:])
    new_from = len(carried) + len(space) if carried else 0
    text = space.join([*head[-_CARRIED:], *tail])
    return Join(text, new_from, new_from + len(space.join(tail[:repeated])))
