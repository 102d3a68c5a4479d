"""Several utterances of one speaker in one window, and its words back to their utterances.

A window costs the same whatever it holds, and a longer one costs more: utterances share one only
where the longest of them would have it anyway. The silence between them is known, so that a
segment's times tell whose words it holds, and bound the times of these; where they do not tell it
plainly, the utterances are to be heard each in a window of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asr.speech import SAMPLE_RATE, EndedBy, Utterance, Word

MOST = 3
"""Utterances in a window: of more, models lose or invent words."""
LONGEST_MS = 28_000
BETWEEN_MS = 500
_OVER_A_JOIN_MS = 300
"""A segment that holds so much of two utterances belongs to neither."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What a model heard in one stretch of the window: its text and times, its tokens and words."""

    start_ms: int
    end_ms: int
    text: str
    tokens: Sequence[int] = ()
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Utterances in a row, with where each begins and ends in the window."""

    utterances: Sequence[Utterance]

    @property
    def pcm(self) -> bytes:
        return bytes(_bytes(BETWEEN_MS)).join(one.pcm for one in self.utterances)

    @property
    def duration_ms(self) -> int:
        return self.spans[-1][1]

    @property
    def spans(self) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        at = 0
        for one in self.utterances:
            spans.append((at, at + one.duration_ms))
            at += one.duration_ms + BETWEEN_MS
        return spans


def may_join(utterance: Utterance) -> bool:
    """Whole utterances only: the parts of unbroken speech are joined at their overlap."""
    return (
        utterance.part == 0 and utterance.revision == 0 and utterance.ended_by is not EndedBy.LENGTH
    )


def groups(batch: Sequence[Utterance], window_of: Callable[[int], int]) -> list[list[int]]:
    """Places in the batch that go together in a window, each place once.

    What one speaker said in a row, in the order of the batch. What may not be joined is alone.

    Args:
        window_of: As for `fits`.
    """
    found: list[list[int]] = []
    going_on: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(batch):
        speaker = (one.room_id, one.speaker_id)
        group = going_on.get(speaker)
        if not may_join(one):
            going_on.pop(speaker, None)
            found.append([place])
        elif group is not None and fits([batch[at] for at in group], one, window_of):
            group.append(place)
        else:
            going_on[speaker] = [place]
            found.append(going_on[speaker])
    return found


def assigned(joined: Joined, segments: Sequence[Segment]) -> list[list[Segment]] | None:
    """The segments of each utterance, with times from its own start; no word leaves its segment.

    None: a segment lies over a join, or an utterance has none, so that whose words they are, or
    whether some are lost, is not known.
    """
    spans = joined.spans
    shares: list[list[Segment]] = [[] for _ in spans]
    for segment in segments:
        within = [min(segment.end_ms, end) - max(segment.start_ms, start) for start, end in spans]
        if sum(overlap > _OVER_A_JOIN_MS for overlap in within) > 1:
            return None
        place = max(range(len(spans)), key=within.__getitem__)
        shares[place].append(_from_its_start(segment, *spans[place]))
    return shares if all(shares) else None


def _from_its_start(segment: Segment, start_ms: int, end_ms: int) -> Segment:
    """A segment of the utterance that lies there in the window."""
    duration_ms = end_ms - start_ms
    first_ms = max(0, min(segment.start_ms - start_ms, duration_ms))  # it may lie in the silence
    last_ms = max(first_ms, min(segment.end_ms - start_ms, duration_ms))
    # A segment that the model never ended has no length.
    latest_ms = last_ms if segment.end_ms > segment.start_ms else duration_ms

    def within(at_ms: int) -> int:
        return max(first_ms, min(at_ms - start_ms, latest_ms))

    words = tuple(
        replace(word, start_ms=within(word.start_ms), end_ms=within(word.end_ms))
        for word in segment.words
    )
    return replace(segment, start_ms=first_ms, end_ms=last_ms, words=words)


def fits(group: Sequence[Utterance], one: Utterance, window_of: Callable[[int], int]) -> bool:
    """Whether the group's window has room for this one, too.

    Args:
        window_of: Length of the window for so many milliseconds of sound.
    """
    if len(group) >= MOST or group[0].languages != one.languages:
        return False
    length_ms = sum(each.duration_ms + BETWEEN_MS for each in group) + one.duration_ms
    longest_ms = max(each.duration_ms for each in (*group, one))
    return length_ms <= LONGEST_MS and window_of(length_ms) == window_of(longest_ms)


def _bytes(milliseconds: int) -> int:
    return 2 * (milliseconds * SAMPLE_RATE // 1000)
