"""Decoder that records the packets decoded, or recovered from the copy in the next packet."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.ingest.script import Script
from service.listening.opus import OpusDecoder

_SILK_20_MS = (1, 5, 9, 13, 15)
"""SILK configurations with one frame of 20 ms (RFC 6716, 3.1). Only SILK carries copies."""
_COPY = 0x40


class RecordingDecoder(OpusDecoder):
    """Decoder that recognises the packets of a script by their bytes."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.heard: set[int] = set()
        """Sequence numbers of the packets decoded or recovered."""
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
        """Return the next number with these bytes: packets of silence may be equal."""
        numbers = self._known[payload]
        return next((number for number in numbers if number > self._last), numbers[-1])


def has_copy(payload: bytes) -> bool:
    """Return whether the packet carries a copy (LBRR) of the packet before it.

    Without a copy, libopus can only conceal the loss. A SILK frame begins with its voice flag and
    the flag of the copy (RFC 6716, 4.2.3).
    """
    configuration, frames = payload[0] >> 3, payload[0] & 3
    return (
        len(payload) > 1
        and configuration in _SILK_20_MS
        and frames == 0
        and bool(payload[1] & _COPY)
    )
