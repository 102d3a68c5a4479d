"""Parts of a rule: groups of phrases, conditions, exceptions, scope."""

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
    """Phrases and patterns that mean the same to a rule.

    Attributes:
        tolerance: Largest distance from a phrase; patterns are always exact.
        weight: Points that the group adds to the score.
    """

    phrases: Phrases = Phrases()
    patterns: Patterns = Patterns()
    tolerance: Tolerance = Tolerance.EXACT
    weight: Annotated[Whole, Field(ge=1, le=10)] = 5


class Near(Part):
    """A condition that groups match close to one another.

    Attributes:
        within_words: Most words between them in all; characters in a language without separators.
        within_seconds: Most seconds from the end of the first to the beginning of the last.
        ordered: The matches must come in the order of `groups`.
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
    """Conditions of a rule: all must hold. Without any, one group is enough.

    Attributes:
        any: At least one of these groups.
        all: All of these groups.
        score: Lowest score of the groups that match together.
    """

    any: Annotated[tuple[GroupName, ...], Field(min_length=1, max_length=20)] = ()
    all: Annotated[tuple[GroupName, ...], Field(min_length=1, max_length=6)] = ()
    near: Near | None = None
    score: Annotated[Whole, Field(ge=1, le=100)] | None = None


class Effect(StrEnum):
    """Effect of an exception on a match."""

    REVIEW = "review"
    """Keep it at the lowest severity, for review."""
    LOWER = "lower"
    """Lower its severity by one step."""
    SUPPRESS = "suppress"
    """Drop it."""


class Except(Part):
    """Exceptions of a rule.

    Attributes:
        negation: Words before the first hit in which "not" or "never" counts; characters in a
            language without separators.
        reported_speech: The same for "he said" or "they told me".
        allow: Phrases that excuse a match near them (`exceptions.REACH`).
        effect: Effect on an excused match.
    """

    negation: Annotated[Whole, Field(ge=1, le=12)] | None = None
    reported_speech: Annotated[Whole, Field(ge=1, le=20)] | None = None
    allow: Phrases = Phrases()
    effect: Effect = Effect.REVIEW


class Scope(Part):
    """Rooms and roles that a rule applies to.

    Attributes:
        rooms: Globs of room ids.
        exempt_rooms: Globs of room ids that are left out.
        tags: Tags, of which the room must have one; empty for any room.
        exempt_roles: Roles of speakers that are left out.
    """

    rooms: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)] = ("*",)
    exempt_rooms: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    exempt_roles: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


class Before(Part):
    """Earlier utterances that count together with the present one.

    Attributes:
        utterances: Most utterances, the present one included.
        seconds: Longest time from the beginning of the earliest to the beginning of this one.
        same_speaker: Only utterances of the same speaker count.
    """

    utterances: Annotated[Whole, Field(ge=1, le=10)] = 1
    seconds: Annotated[Decimal, Field(gt=0, le=300)] = 20.0
    same_speaker: YesNo = True


class Escalation(Part):
    """A higher severity after repeated hits.

    Attributes:
        count: Hits needed, the present one included.
        within: Greatest age of the first of them, in seconds.
        per: Hits of this speaker in this room, or of anybody in this room.
        severity: Severity of the match from then on.
    """

    count: Annotated[Whole, Field(ge=2, le=100)]
    within: Seconds
    per: Literal["speaker_room", "room"] = "speaker_room"
    severity: Severity
