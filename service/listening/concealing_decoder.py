"""Decoder of one track's packets that conceals lost packets."""

from __future__ import annotations

from asr.speech import SAMPLE_RATE
from service.listening.opus import BadPacket, OpusDecoder

_CONCEAL_S = 0.08
"""Longest concealment; the rest of a loss is silence."""
_STEP = SAMPLE_RATE // 400
"""Samples in 2.5 ms: libopus conceals multiples of it."""


class ConcealingDecoder:
    """Opus decoder of one track, with concealment.

    Attributes:
        bad: Packets that were not Opus.
    """

    def __init__(self, decoder: OpusDecoder) -> None:
        self._decoder = decoder
        self._follows = False  # the next packet continues the sound decoded last
        self.bad = 0

    def decode(self, payload: bytes, samples: int) -> bytes:
        """Return the packet's sound; `samples` of silence where libopus cannot read it."""
        self._follows = True
        try:
            return self._decoder.decode(payload)
        except BadPacket:
            self.bad += 1
            return bytes(2 * samples)

    def skip_packet(self) -> None:
        """Note that a packet was not decoded: later concealment cannot continue from before it."""
        self._follows = False

    def conceal(
        self, payload: bytes, samples: int, lost: int, *, late: bool
    ) -> tuple[bytes, bytes]:
        """Return sound for the packets lost before this one, in two pieces.

        The first is a guess that continues the sound before the loss. The second is the copy (FEC)
        of the last lost packet, which this packet carries. There may be silence between the two.

        Args:
            payload: Packet that came after the loss.
            samples: Samples in this packet.
            lost: Samples that never came.
            late: Whether silence was filled in meanwhile, so that a guess comes too late.
        """
        if lost < _STEP or not self._follows:
            return b"", b""
        copied = min(lost, samples) // _STEP * _STEP
        guessed = min(lost - copied, int(_CONCEAL_S * SAMPLE_RATE)) // _STEP * _STEP
        try:
            guess = self._decoder.conceal(guessed) if guessed and not late else b""
            return guess, self._decoder.recover(payload, copied)
        except BadPacket:
            self.bad += 1
            return b"", b""
