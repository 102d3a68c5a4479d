"""Onset of a segment: the frame that opens it, and its pre-roll. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from service.listening.vad import FRAME_BYTES


class Frame(NamedTuple):
    """20 ms of a track. A tuple costs a third of a dataclass; each track has fifty a second."""

    pcm: bytes
    voiced: bool


_SILENT = Frame(bytes(FRAME_BYTES), voiced=False)


class Onset:
    """Latest frames of a track while nobody speaks.

    Args:
        preroll: Frames of a segment before its first voiced frame.
        voiced: Voiced frames that open a segment.
        within: Latest frames among which those must be.
    """

    def __init__(self, *, preroll: int, voiced: int, within: int) -> None:
        self._preroll = preroll
        self._needed = voiced
        self._within = within
        self._latest: deque[Frame] = deque(maxlen=preroll + within)
        self._recent: deque[bool] = deque(maxlen=within)  # whether each of the last is voiced

    def __len__(self) -> int:
        """Frames that may still become part of a segment."""
        return len(self._latest)

    def push(self, frame: Frame) -> bool:
        """Add a frame; return whether it opens a segment, to be taken with `open_segment`."""
        self._latest.append(frame)
        self._recent.append(frame.voiced)
        return self._recent.count(True) >= self._needed

    def push_quiet(self, frames: Sequence[Frame]) -> None:
        """Add frames in which nobody speaks."""
        self._latest.extend(frames)
        self._recent.extend(frame.voiced for frame in frames)

    def push_silence(self, count: int) -> None:
        """Add `count` frames of digital silence."""
        self.push_quiet([_SILENT] * min(count, self._preroll + self._within))

    def open_segment(self) -> tuple[list[Frame], int]:
        """Return the frames of the new segment, and the number of pre-roll frames among them."""
        frames = list(self._latest)
        first = len(frames) - len(self._recent) + self._recent.index(True)
        self._latest.clear()
        self._recent.clear()
        begin = max(0, first - self._preroll)
        return frames[begin:], first - begin
