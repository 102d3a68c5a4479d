"""When a segment opens, and where it begins. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
        self._recent: deque[bool] = deque(maxlen=within)  # which of the last ones are voiced

    def __len__(self) -> int:
        """Frames that may still become part of a segment."""
        return len(self._latest)

    def push(self, frame: Frame) -> bool:
        """Whether a segment opens with this frame: then `take` it."""
        self._latest.append(frame)
        self._recent.append(frame.voiced)
        return self._recent.count(True) >= self._needed

    def keep(self, frames: Sequence[Frame]) -> None:
        """These came last, and nobody speaks in them."""
        self._latest.extend(frames)
        self._recent.extend(frame.voiced for frame in frames)

    def pass_over(self, count: int) -> None:
        """So many frames of silence."""
        self.keep([_SILENT] * min(count, self._preroll + self._within))

    def take(self) -> tuple[list[Frame], int]:
        """The segment so far, and how many of its frames are pre-roll."""
        frames = list(self._latest)
        first = len(frames) - len(self._recent) + self._recent.index(True)
        self._latest.clear()
        self._recent.clear()
        begin = max(0, first - self._preroll)
        return frames[begin:], first - begin
