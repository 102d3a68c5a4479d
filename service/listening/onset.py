"""When a segment opens, and where it begins. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice, repeat
from typing import NamedTuple

from service.listening.vad import FRAME_BYTES


class Frame(NamedTuple):
    """20 ms of a track. A tuple, since there are fifty a second of each: it costs a third."""

    pcm: bytes
    voiced: bool


_SILENT = Frame(bytes(FRAME_BYTES), voiced=False)


class Onset:
    """The latest frames of a track, while nobody speaks.

    Args:
        preroll: Frames before the first voiced one with which a segment begins.
        voiced: So many voiced frames open it,
        within: among the last so many.
    """

    def __init__(self, *, preroll: int, voiced: int, within: int) -> None:
        self._preroll = preroll
        self._needed = voiced
        self._within = within
        self._latest: deque[Frame] = deque(maxlen=preroll + within)

    def __len__(self) -> int:
        """Frames that may still become part of a segment."""
        return len(self._latest)

    def push(self, frame: Frame) -> bool:
        """Whether a segment opens with this frame: then `take` it."""
        self._latest.append(frame)
        return frame.voiced and self._voiced_lately() >= self._needed

    def pass_over(self, count: int) -> None:
        """So many frames of silence."""
        self._latest.extend(repeat(_SILENT, min(count, self._preroll + self._within)))

    def keep(self, frames: Iterable[Frame]) -> None:
        """These came last, and nobody speaks in them."""
        self._latest.extend(frames)

    def take(self) -> tuple[list[Frame], int]:
        """The segment so far, and how many of its frames are pre-roll."""
        frames = list(self._latest)
        self._latest.clear()
        recent = max(0, len(frames) - self._within)
        first = next(at for at in range(recent, len(frames)) if frames[at].voiced)
        begin = max(0, first - self._preroll)
        return frames[begin:], first - begin

    def _voiced_lately(self) -> int:
        return sum(frame.voiced for frame in islice(reversed(self._latest), self._within))
