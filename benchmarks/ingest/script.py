"""What a publisher sends: packets, each at its time."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Loop:
    """Said over and over: how long a turn is, in packets and in samples at 48 kHz."""

    packets: int
    samples: int

    @property
    def seconds(self) -> float:
        return self.samples / 48_000


@dataclass(frozen=True, slots=True)
class Cue:
    """One packet.

    Attributes:
        at_s: Seconds from the start of the script to when it is sent.
        sequence, timestamp: Of RTP, from 0.
        level: By RFC 6464.
        payload: An Opus packet.
    """

    at_s: float
    sequence: int
    timestamp: int
    level: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """Cues in the order of their times; with a loop it never ends."""

    cues: Sequence[Cue]
    loop: Loop | None = None

    @property
    def seconds(self) -> float:
        return self.loop.seconds if self.loop else self.cues[-1].at_s


def to_json(script: Script) -> dict[str, Any]:
    return {
        "cues": [
            [
                cue.at_s,
                cue.sequence,
                cue.timestamp,
                cue.level,
                base64.b64encode(cue.payload).decode(),
            ]
            for cue in script.cues
        ],
        "loop": [script.loop.packets, script.loop.samples] if script.loop else None,
    }


def from_json(data: Mapping[str, Any]) -> Script:
    loop = data["loop"]
    return Script(
        [
            Cue(at_s, sequence, timestamp, level, base64.b64decode(payload))
            for at_s, sequence, timestamp, level, payload in data["cues"]
        ],
        Loop(*loop) if loop else None,
    )
