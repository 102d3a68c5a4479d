"""Script of a publisher: packets with the times to send them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Loop:
    """Length of one turn of a script that repeats.

    Attributes:
        samples: Samples at 48 kHz.
    """

    packets: int
    samples: int

    @property
    def seconds(self) -> float:
        return self.samples / 48_000


@dataclass(frozen=True, slots=True)
class Cue:
    """One packet.

    Attributes:
        at_s: Time to send it, in seconds from the start of the script.
        sequence, timestamp: RTP sequence number and timestamp, counted from 0.
        level: Level as in RFC 6464.
        payload: Opus packet.
    """

    at_s: float
    sequence: int
    timestamp: int
    level: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """Cues in the order of their times; endless with a loop."""

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
