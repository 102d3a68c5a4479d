"""What a rule listens for, when it applies, and what speaks against it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.fields import (
    Decimal,
    GroupName,
    Line,
    Part,
    Patterns,
    Phrases,
    Seconds,
    Whole,
    YesNo,
    refusal,
)
from policies.severity import Severity
from policies.tolerance import Tolerance


class Group(Part):
    """Phrases and patterns that mean the same to a rule: what it asks for, whom, by which word.

    Attributes:
        tolerance: How far what was heard may be from a phrase; patterns are always exact.
        weight: What the group adds to the score where it is heard.
    """

    phrases: Phrases = Phrases()
    patterns: Patterns = Patterns()
    tolerance: Tolerance = Tolerance.EXACT
    weight: Annotated[Whole, Field(ge=1, le=10)] = 5


class Near(Part):
    """The groups are heard close to one another.

    Attributes:
        within_words: Words (characters in Chinese) that may lie between them, all together.
        within_seconds: Seconds from the end of the first to the beginning of the last.
        ordered: In the order in which `groups` names them.
    """

    groups: Annotated[tuple[GroupName, ...], Field(min_length=2, max_length=6)]
    within_words: Annotated[Whole, Field(ge=0, le=60)] | None = None
    within_seconds: Annotated[Decimal, Field(gt=0, le=120)] | None = None
    ordered: YesNo = False

    @model_validator(mode="after")
    def _how_near(self) -> Near:
        if self.within_words is None and self.within_seconds is None:
            raise refusal("does not say how near", "add within_words or within_seconds")
        return self


class When(Part):
    """All that is given must hold; nothing given: any group is heard.

    Attributes:
        score: The least score, of the groups that are heard together.
    """

    any: Annotated[tuple[GroupName, ...], Field(min_length=1, max_length=20)] = ()
    all: Annotated[tuple[GroupName, ...], Field(min_length=1, max_length=6)] = ()
    near: Near | None = None
    score: Annotated[Whole, Field(ge=1, le=100)] | None = None


class Effect(StrEnum):
    """What an exception does to a match."""

    REVIEW = "review"
    """It stays, at the lowest severity, to be looked at."""
    LOWER = "lower"
    """One severity less."""
    SUPPRESS = "suppress"
    """It is dropped."""


class Except(Part):
    """What speaks for the speaker.

    Attributes:
        negation: Words (Chinese: characters) before the first hit in which "not", "never" counts.
        reported_speech: The same for "he said", "I heard" ...
        allow: Phrases near which (`exceptions.REACH`) the rule does not mean it.
    """

    negation: Annotated[Whole, Field(ge=1, le=12)] | None = None
    reported_speech: Annotated[Whole, Field(ge=1, le=20)] | None = None
    allow: Phrases = Phrases()
    effect: Effect = Effect.REVIEW


class Scope(Part):
    """Where and to whom a rule applies.

    Attributes:
        rooms: Globs of room ids.
        tags: The room has one of these; none given: any room.
    """

    rooms: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)] = ("*",)
    exempt_rooms: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    exempt_roles: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


class Before(Part):
    """How much of what was said before counts together with what is said now.

    Attributes:
        utterances: This one and those before it.
        seconds: From the beginning of the earliest to that of this one.
        same_speaker: Only this speaker's.
    """

    utterances: Annotated[Whole, Field(ge=1, le=10)] = 1
    seconds: Annotated[Decimal, Field(gt=0, le=300)] = 20.0
    same_speaker: YesNo = True


class Escalation(Part):
    """Repetition makes it graver.

    Attributes:
        count: Hits, this one included.
        within: How long ago the first of them may be.
        per: Of this speaker in this room, or of anybody in this room.
    """

    count: Annotated[Whole, Field(ge=2, le=100)]
    within: Seconds
    per: Literal["speaker_room", "room"] = "speaker_room"
    severity: Severity
