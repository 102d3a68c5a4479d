"""A track's packets to sound, with what was lost between them mended as far as it can be."""

from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.opus import BadPacket, OpusDecoder

_REPAIR_S = 0.08
"""Lost sound is guessed at for so long; beyond that it is silence."""
_REPAIR_STEP = SAMPLE_RATE // 400
"""libopus repairs whole 2.5 ms."""


class Mending:
    """One track's decoder.

    Attributes:
        bad: Packets that were not Opus.
    """

    def __init__(self, decoder: OpusDecoder) -> None:
        self._decoder = decoder
        self._follows = False  # what is decoded next goes on from what was decoded last
        self.bad = 0

    def decode(self, payload: bytes, samples: int) -> bytes:
        """The packet's sound; silence of so many samples where libopus cannot read it."""
        self._follows = True
        try:
            return self._decoder.decode(payload)
        except BadPacket:
            self.bad += 1
            return bytes(2 * samples)

    def pass_over(self) -> None:
        """A packet was left out on purpose: nothing can be guessed from the sound before it."""
        self._follows = False

    def repair(self, payload: bytes, samples: int, lost: int, *, late: bool) -> tuple[bytes, bytes]:
        """A guess that goes on from the sound before, and the copy (FEC) of the packet lost last
        that this one carries. Between the two there may have been silence.

        Args:
            samples: In this packet.
            lost: Samples that never came.
            late: Silence has gone before: it is too late for a guess.
        """
        if lost < _REPAIR_STEP or not self._follows:
            return b"", b""
        copied = min(lost, samples) // _REPAIR_STEP * _REPAIR_STEP
        guessed = min(lost - copied, int(_REPAIR_S * SAMPLE_RATE)) // _REPAIR_STEP * _REPAIR_STEP
        try:
            guess = self._decoder.conceal(guessed) if guessed and not late else b""
            return guess, self._decoder.recover(payload, copied)
        except BadPacket:
            self.bad += 1
            return b"", b""
