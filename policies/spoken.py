"""What the matcher is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timed:
    """When a stretch of a text was said.

    Attributes:
        start: Code-point offset in the text, and `end` the one just after it.
        from_s: Seconds from the beginning of the utterance, and `to_s` to its end.
    """

    start: int
    end: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of one speaker.

    Attributes:
        text: As recognised.
        language: ISO 639-1 code ("en", "zh").
        new_from: Code-point offset in `text`; what ends at or before it was matched earlier and
            is there only so that a phrase running over it is found.
        hypotheses: Further readings of the same sound, likeliest first, without `text` itself.
        times: When its words were said, in their order; empty where that is not known.
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
        ago_s: Seconds from its beginning to the beginning of this one.
    """

    text: str
    language: str
    speaker_id: str
    ago_s: float


@dataclass(frozen=True, slots=True)
class PastHit:
    """A rule that applied in the same room before.

    Attributes:
        ago_s: Seconds from the beginning of that utterance to the beginning of this one.
    """

    pack: str
    rule_id: str
    speaker_id: str
    ago_s: float


@dataclass(frozen=True, slots=True)
class Context:
    """Where it was said, by whom, and what came before.

    Attributes:
        packs: The packs that apply in this room; None means all.
        role: The speaker's in this room, as the room server gives it.
        tags: The room's.
        earlier: What was said in the room before, the oldest first.
        hits: Rules that applied in the room before, in any order.
    """

    room_id: str
    speaker_id: str
    packs: frozenset[str] | None = None
    role: str = ""
    tags: frozenset[str] = frozenset()
    earlier: Sequence[Earlier] = ()
    hits: Sequence[PastHit] = ()
