"""Input of the matcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timed:
    """Times of a part of a text.

    Attributes:
        start: Code-point offset of its start in the text.
        end: Code-point offset just after it.
        from_s: Start, in seconds of the utterance.
        to_s: End, in seconds of the utterance.
    """

    start: int
    end: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of one speaker.

    Attributes:
        text: Recognised text.
        language: ISO 639-1 code.
        new_from: Code-point offset in `text`. The words before it were matched earlier; they are
            there so that a phrase across the offset is found.
        hypotheses: Further readings of the same sound, likeliest first, without `text` itself.
        times: Times of its words, in their order; empty if unknown.
    """

    text: str
    language: str
    new_from: int = 0
    hypotheses: Sequence[str] = ()
    times: Sequence[Timed] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """An utterance of the same room before this one.

    Attributes:
        ago_s: Seconds from its start to the start of the present one.
    """

    text: str
    language: str
    speaker_id: str
    ago_s: float


@dataclass(frozen=True, slots=True)
class PastHit:
    """A rule that applied in the same room before.

    Attributes:
        ago_s: Seconds from the start of that utterance to the start of the present one.
    """

    pack: str
    rule_id: str
    speaker_id: str
    ago_s: float


@dataclass(frozen=True, slots=True)
class Context:
    """Room and speaker of an utterance, and what came before it.

    Attributes:
        packs: Packs that apply in this room; None for all.
        role: Role of the speaker in this room, as the room server gives it.
        tags: Tags of the room.
        earlier: Earlier utterances of the room, the oldest first.
        hits: Rules that applied earlier in the room, in any order.
    """

    room_id: str
    speaker_id: str
    packs: frozenset[str] | None = None
    role: str = ""
    tags: frozenset[str] = frozenset()
    earlier: Sequence[Earlier] = ()
    hits: Sequence[PastHit] = ()
