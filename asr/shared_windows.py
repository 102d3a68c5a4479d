"""Several utterances of one speaker in one window, and the way back from its words to them.

A window costs the same whatever it holds, and a longer one costs more. So utterances share a window
only where the longest of them needs it anyway. The silence between them is known: a segment's times
tell to which utterance its words belong, and bound the times of these words. Where the times leave
a doubt, each utterance must be decoded in a window of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from asr.speech import SAMPLE_RATE, EndedBy, Utterance, Word

MOST_TOGETHER = 3
"""Utterances in a window. With more, models lose or invent words."""
LONGEST_MS = 28_000
"""Sound in a shared window, silence included."""
BETWEEN_MS = 500
"""Silence between two utterances in a window."""
_OVER_A_JOIN_MS = 300
"""Overlap from which a segment belongs to an utterance. One that belongs to two is in doubt."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the window with the model's text, tokens and words."""

    start_ms: int
    end_ms: int
    text: str
    tokens: Sequence[int] = ()
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Utterances in a row in one window."""

    utterances: Sequence[Utterance]

    @property
    def pcm(self) -> bytes:
        return bytes(_bytes(BETWEEN_MS)).join(one.pcm for one in self.utterances)

    @property
    def duration_ms(self) -> int:
        return self.spans[-1][1]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of each utterance in the window, in milliseconds."""
        spans: list[tuple[int, int]] = []
        at = 0
        for one in self.utterances:
            spans.append((at, at + one.duration_ms))
            at += one.duration_ms + BETWEEN_MS
        return spans


def may_join(utterance: Utterance) -> bool:
    """Whether an utterance may share a window: whole ones only, no parts and no interim ones."""
    return (
        utterance.part == 0 and utterance.revision == 0 and utterance.ended_by is not EndedBy.LENGTH
    )


def group_utterances(
    batch: Sequence[Utterance], window_frames: Callable[[int], int]
) -> list[list[int]]:
    """Return groups of positions in the batch that may share a window, each position once.

    A group holds utterances of one speaker in the order of the batch. Utterances that may not be
    joined are alone.

    Args:
        window_frames: Returns the length of the window for a number of milliseconds of sound.
    """
    found: list[list[int]] = []
    going_on: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(batch):
        speaker = (one.room_id, one.speaker_id)
        group = going_on.get(speaker)
        if not may_join(one):
            going_on.pop(speaker, None)
            found.append([place])
        elif group is not None and fits_window([batch[at] for at in group], one, window_frames):
            group.append(place)
        else:
            going_on[speaker] = [place]
            found.append(going_on[speaker])
    return found


def assign_segments(joined: Joined, segments: Sequence[Segment]) -> list[list[Segment]] | None:
    """Return the segments of each utterance, with times from its own start.

    Words stay inside their segment. None: a segment lies over a join, or an utterance has no
    segment, so that words may be in the wrong utterance or lost.
    """
    spans = joined.spans
    shares: list[list[Segment]] = [[] for _ in spans]
    for segment in segments:
        within = [min(segment.end_ms, end) - max(segment.start_ms, start) for start, end in spans]
        if sum(overlap > _OVER_A_JOIN_MS for overlap in within) > 1:
            return None
        place = max(range(len(spans)), key=within.__getitem__)
        shares[place].append(_shift_segment(segment, *spans[place]))
    return shares if all(shares) else None


def _shift_segment(segment: Segment, start_ms: int, end_ms: int) -> Segment:
    """Return a segment with times from the start of the utterance at this place in the window."""
    duration_ms = end_ms - start_ms
    first_ms = max(0, min(segment.start_ms - start_ms, duration_ms))  # it may lie in the silence
    last_ms = max(first_ms, min(segment.end_ms - start_ms, duration_ms))
    # The model did not end a segment that has no length.
    latest_ms = last_ms if segment.end_ms > segment.start_ms else duration_ms

    def within(at_ms: int) -> int:
        return max(first_ms, min(at_ms - start_ms, latest_ms))

    words = tuple(
        replace(word, start_ms=within(word.start_ms), end_ms=within(word.end_ms))
        for word in segment.words
    )
    return replace(segment, start_ms=first_ms, end_ms=last_ms, words=words)


def fits_window(
    group: Sequence[Utterance], one: Utterance, window_frames: Callable[[int], int]
) -> bool:
    """Whether the group's window has room for this utterance, too.

    Args:
        window_frames: Returns the length of the window for a number of milliseconds of sound.
    """
    if len(group) >= MOST_TOGETHER or group[0].languages != one.languages:
        return False
    length_ms = sum(each.duration_ms + BETWEEN_MS for each in group) + one.duration_ms
    longest_ms = max(each.duration_ms for each in (*group, one))
    return length_ms <= LONGEST_MS and window_frames(length_ms) == window_frames(longest_ms)


def _bytes(milliseconds: int) -> int:
    return 2 * (milliseconds * SAMPLE_RATE // 1000)
