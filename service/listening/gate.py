"""Gate that saves the decoding of packets that declare themselves silent. Pure.

The level of a packet (RFC 6464) is the client's own word. So the gate decodes "silent" packets at
random moments too, and a track that is louder than declared is decoded in full from then on.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

from asr.speech import SAMPLE_RATE
from service.listening.packet import Packet
from service.listening.reorder import Missing


@dataclass(frozen=True, slots=True)
class GateSettings:
    silent_level: int = 60
    """Declared dB below full scale from which a packet is silent: 10 dB below the threshold of
    voice detection."""
    hangover_s: float = 0.7
    """Silence that closes the gate, in seconds: longer than the pause that ends an utterance."""
    preroll_ms: int = 400
    """Sound held back while the gate is closed and decoded when it opens: it may begin a word, and
    the decoder needs it to settle."""
    check_after_s: tuple[float, float] = (2.0, 5.0)
    """Bounds of the random time between two checks of a closed gate, in seconds."""
    check_s: float = 0.25
    """Length of a check, after the held sound: it bridges the pauses of a person who talks."""
    margin_db: float = 15.0
    """Excess over the declared level that makes a lie."""
    audible_dbfs: float = -50.0
    """Level below which sound is no lie: nobody could be understood."""
    settling_ms: int = 60
    """Time that a decoder needs to sound right after skipped packets."""
    proof_ms: int = 60
    """Unbroken excess that proves a lie: too long for an accident of the codec."""


DEFAULTS = GateSettings()


@dataclass(frozen=True, slots=True)
class GatedPacket:
    """A packet that leaves the gate.

    Attributes:
        samples: Samples in the packet.
        decode: False for silence that the decoder need not see.
    """

    packet: Packet
    samples: int
    decode: bool


class Gate:
    """Gate of one track. Packets come out in the order in which they go in, each of them once.

    Args:
        chance: Source of the times of checks; a client that could predict them could lie.

    Attributes:
        lies: True once the track was louder than declared; from then on all of it is decoded.
    """

    def __init__(self, chance: random.Random, settings: GateSettings = DEFAULTS) -> None:
        self._chance = chance
        self._set = settings
        self._held: deque[GatedPacket | Missing] = deque()
        self._held_samples = 0
        self._loud_s: float | None = None  # arrival of the last packet that was not silent
        self._check_s: float | None = None  # time of the next check
        self._checked_s = -math.inf  # begin of the last check
        self._settled = 0  # samples decoded since packets were skipped
        self._louder = 0  # samples in a row that were louder than declared
        self.lies = False

    def push(self, packet: Packet, samples: int) -> list[GatedPacket | Missing]:
        """Add a packet; return the packets that leave the gate now, perhaps without this one."""
        level = packet.level
        if level is None or level < self._set.silent_level or self.lies:
            self._loud_s, self._check_s = packet.arrived_s, None
            return self._open(packet, samples)
        if self._loud_s is None:
            self._loud_s = packet.arrived_s
        if packet.arrived_s - self._loud_s < self._set.hangover_s:
            return self._open(packet, samples)
        if self._check_s is None or packet.arrived_s >= self._check_s:
            if self._check_s is not None:
                self._checked_s = packet.arrived_s
            self._check_s = packet.arrived_s + self._chance.uniform(*self._set.check_after_s)
        if packet.arrived_s - self._checked_s < self._set.check_s:
            return self._open(packet, samples)
        self._held.append(GatedPacket(packet, samples, decode=False))
        self._held_samples += samples
        return self._release(_samples(self._set.preroll_ms))

    def push_missing(self, missing: Missing) -> list[GatedPacket | Missing]:
        """Note that packets are missing here; return what leaves the gate now."""
        if not self._held:
            return [missing]
        self._held.append(missing)
        return []

    def flush(self) -> list[GatedPacket | Missing]:
        """Return all held packets, as silence: no packet follows for now."""
        return self._release(0)

    def check_level(self, passed: GatedPacket, dbfs: float) -> None:
        """Compare the true level of a decoded packet with its declared one."""
        level = passed.packet.level
        self._settled += passed.samples
        if level is None or level < self._set.silent_level:
            self._louder = 0
            return
        if self._settled <= _samples(self._set.settling_ms):
            return
        lying = dbfs > max(self._set.margin_db - level, self._set.audible_dbfs)
        self._louder = self._louder + passed.samples if lying else 0
        if self._louder >= _samples(self._set.proof_ms):
            self.lies = True

    def _open(self, packet: Packet, samples: int) -> list[GatedPacket | Missing]:
        now = GatedPacket(packet, samples, decode=True)
        if not self._held:
            return [now]
        out = [
            GatedPacket(each.packet, each.samples, decode=True)
            if isinstance(each, GatedPacket)
            else each
            for each in self._held
        ]
        self._held.clear()
        self._held_samples = 0
        return [*out, now]

    def _release(self, keep: int) -> list[GatedPacket | Missing]:
        """Return the oldest held packets, as silence, until only `keep` samples are held."""
        out: list[GatedPacket | Missing] = []
        while self._held and (self._held_samples > keep or isinstance(self._held[0], Missing)):
            item = self._held.popleft()
            out.append(item)
            if isinstance(item, GatedPacket):
                self._held_samples -= item.samples
                self._settled = self._louder = 0
        return out


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE // 1000
