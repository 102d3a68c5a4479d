"""What the matcher is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of one speaker.

    Attributes:
        text: As recognised.
        language: ISO 639-1 code ("en", "zh").
        new_from: Code-point offset in `text`; what ends at or before it was matched earlier and
            is there only so that a phrase running over it is found.
    """

    text: str
    language: str
    new_from: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """Where it was said."""

    room_id: str
    speaker_id: str
    packs: frozenset[str] | None = None
    """The packs that apply in this room; None means all."""
