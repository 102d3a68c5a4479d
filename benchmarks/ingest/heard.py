"""Which packets of a script were heard: decoded, or recovered from the copy in the next one."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.ingest.script import Script
from service.listening.opus import OpusDecoder

_SILK_20_MS = (1, 5, 9, 13, 15)
"""Configurations with SILK, which alone carries copies, and one frame of 20 ms (RFC 6716, 3.1)."""
_COPY = 0x40


class RecordingDecoder(OpusDecoder):
    """Decodes as any other, and knows a speaker's packets again by what is in them."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.heard: set[int] = set()
        """Sequence numbers."""
        self._last = -1
        self._known: defaultdict[bytes, list[int]] = defaultdict(list)
        for cue in script.cues:
            self._known[cue.payload].append(cue.sequence)

    def decode(self, payload: bytes) -> bytes:
        sound = super().decode(payload)
        self._last = self._sequence(payload)
        self.heard.add(self._last)
        return sound

    def recover(self, payload: bytes, samples: int) -> bytes:
        sound = super().recover(payload, samples)
        if has_copy(payload):
            self.heard.add(self._sequence(payload) - 1)
        return sound

    def _sequence(self, payload: bytes) -> int:
        """Silence may be sent in the same bytes more than once."""
        numbers = self._known[payload]
        return next((number for number in numbers if number > self._last), numbers[-1])


def has_copy(payload: bytes) -> bool:
    """The packet carries a copy (LBRR) of the one before it: without, libopus only guesses.

    One SILK frame begins with its voice flag and the flag of the copy (RFC 6716, 4.2.3).
    """
    configuration, frames = payload[0] >> 3, payload[0] & 3
    return (
        len(payload) > 1
        and configuration in _SILK_20_MS
        and frames == 0
        and bool(payload[1] & _COPY)
    )
