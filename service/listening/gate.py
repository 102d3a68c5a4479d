"""Which packets of a track are worth decoding, by the loudness that they declare. Pure.

A level (RFC 6464) is the client's own word, so that it saves work and decides nothing: what is
declared silent is listened to at random moments all the same, and a track that is louder than it
says is believed no more.
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
    """Declared dB below full scale from which on a packet is silent: 10 dB under what voice
    detection hears at all."""
    hangover_s: float = 0.7
    """Silence of this length closes the gate: longer than a pause that ends an utterance."""
    preroll_ms: int = 400
    """Held back while the gate is closed, and decoded when it opens: what comes before a word, and
    what the decoder needs to settle."""
    check_after_s: tuple[float, float] = (2.0, 5.0)
    """A closed gate listens to what it holds at random times, this far apart,"""
    check_s: float = 0.25
    """and to what follows for so long: for whoever talks pauses."""
    margin_db: float = 15.0
    """Sound that is so much louder than declared is a lie."""
    audible_dbfs: float = -50.0
    """Sound below this is no lie worth the name: nobody could be understood."""
    settling_ms: int = 60
    """After a leap a decoder needs so long to sound right."""
    proof_ms: int = 60
    """Louder than declared for so long without a break: no accident of the codec."""


DEFAULTS = GateSettings()


@dataclass(frozen=True, slots=True)
class Passed:
    """A packet of so many samples whose turn it is.

    Attributes:
        decode: False: it is silence, and the decoder need not see it.
    """

    packet: Packet
    samples: int
    decode: bool


class Gate:
    """One track's. Packets come out in the order in which they go in, each of them once.

    Args:
        chance: When to check; a client that could foretell it could lie.

    Attributes:
        lies: The track was louder than it said: from then on all of it is decoded.
    """

    def __init__(self, chance: random.Random, settings: GateSettings = DEFAULTS) -> None:
        self._chance = chance
        self._set = settings
        self._held: deque[Passed | Missing] = deque()
        self._held_samples = 0
        self._loud_s: float | None = None  # when the last that was not silent came
        self._check_s: float | None = None
        self._checked_s = -math.inf  # when the last check began
        self._settled = 0  # samples decoded since the last leap
        self._louder = 0  # of these, the last so many were louder than declared
        self.lies = False

    def push(self, packet: Packet, samples: int) -> list[Passed | Missing]:
        """What is to be heard now, this packet included or not."""
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
        self._held.append(Passed(packet, samples, decode=False))
        self._held_samples += samples
        return self._let_go(_samples(self._set.preroll_ms))

    def miss(self, missing: Missing) -> list[Passed | Missing]:
        """Packets are missing here; what is to be heard now."""
        if not self._held:
            return [missing]
        self._held.append(missing)
        return []

    def flush(self) -> list[Passed | Missing]:
        """Nothing follows for now: what was held is silence."""
        return self._let_go(0)

    def hear(self, passed: Passed, dbfs: float) -> None:
        """How loud a packet was that was decoded."""
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

    def _open(self, packet: Packet, samples: int) -> list[Passed | Missing]:
        now = Passed(packet, samples, decode=True)
        if not self._held:
            return [now]
        out = [
            Passed(each.packet, each.samples, decode=True) if isinstance(each, Passed) else each
            for each in self._held
        ]
        self._held.clear()
        self._held_samples = 0
        return [*out, now]

    def _let_go(self, keep: int) -> list[Passed | Missing]:
        out: list[Passed | Missing] = []
        while self._held and (self._held_samples > keep or isinstance(self._held[0], Missing)):
            item = self._held.popleft()
            out.append(item)
            if isinstance(item, Passed):
                self._held_samples -= item.samples
                self._settled = self._louder = 0
        return out


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE // 1000
