"""Types of the values in a pack file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    RootModel,
)
from pydantic_core import PydanticCustomError, core_schema

from policies.finding import quote
from policies.languages import CODES

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_GROUP = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9a-z]+(?:[.-][0-9a-z]+)*)?")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_WHOLE = re.compile(r"[0-9]{1,6}")
_DECIMAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""Control characters, invisible ones, and those that turn the direction of writing."""
MAX_COOLDOWN_S = 24 * 3600
MAX_PHRASES = 10_000
_GROUP_FIELDS = frozenset({"phrases", "patterns", "tolerance", "weight"})


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """Return the error of a value that is refused, for validators to raise."""
    context = {"problem": problem, "remedy": remedy}
    return PydanticCustomError("refused", "{problem}; {remedy}", context)


def _name(value: str) -> str:
    if len(value) > 64 or not _NAME.fullmatch(value):
        problem = f"{quote(value)} is not a name"
        raise refusal(problem, "use a-z, 0-9 and single hyphens, as in scam-gift-cards")
    return value


def _group_name(value: str) -> str:
    if value in _GROUP_FIELDS:
        remedy = f"put it into a group, as in match: {{words: {{{value}: ...}}}}"
        raise refusal(f"{quote(value)} belongs to a group of match", remedy)
    if len(value) > 32 or not _GROUP.fullmatch(value):
        raise refusal(f"{quote(value)} is no name of a group", "use a-z, 0-9 and underscores")
    return value


def _version(value: str) -> str:
    if len(value) > 64 or not _VERSION.fullmatch(value):
        raise refusal(f"{quote(value)} is not a version", "write three numbers, as in 1.0.0")
    return value


def _seconds(value: object) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise refusal(f"{_shown(value)} is not a duration", "write it as in 0s, 30s, 10m or 2h")
    seconds = float(int(found[1]) * _SECONDS[found[2]])
    if seconds > MAX_COOLDOWN_S:
        raise refusal(f"{quote(found[0])} is too long", "use 24h or less")
    return seconds


def _whole(value: object) -> int:
    if isinstance(value, int):
        return value
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise refusal(f"{_shown(value)} is not a whole number", "write it in digits, as in 12")
    return int(value)


def _decimal(value: object) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise refusal(f"{_shown(value)} is not a number", "write it in digits, as in 0.5")
    return float(value)


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise refusal(f"{_shown(value)} is neither true nor false", "write true or false")
    return value == "true"


def _schema(value: object) -> int:
    if value not in ("1", 1):
        raise refusal("this schema is not known here", "write schema: 1")
    return 1


def _shown(value: object) -> str:
    return quote(value) if isinstance(value, str) else "this"


def _printable(value: str) -> str:
    found = _UNSEEN.search(value)
    if found:
        raise refusal(f"contains the control character U+{ord(found[0]):04X}", "remove it")
    return value


Name = Annotated[str, AfterValidator(_name)]
GroupName = Annotated[str, AfterValidator(_group_name)]
Version = Annotated[str, AfterValidator(_version)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Whole = Annotated[int, BeforeValidator(_whole)]
Decimal = Annotated[float, BeforeValidator(_decimal)]
YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
SchemaVersion = Annotated[int, BeforeValidator(_schema)]
Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_printable)]
Prose = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable)]
Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Pattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Spoken = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]
Lines = Annotated[tuple[Line, ...], Field(max_length=50)]


class Part(BaseModel):
    """A mapping of a pack file. Fields that are not in it are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


UNKNOWN_LANGUAGE = "unknown_language"
"""Type of pydantic's error for a language without a plug-in."""


def _language_schema(*_: object) -> core_schema.CoreSchema:
    return core_schema.custom_error_schema(
        core_schema.literal_schema(list(CODES)),
        custom_error_type=UNKNOWN_LANGUAGE,
        custom_error_message="Input should be one of {known}",
        custom_error_context={"known": ", ".join(CODES)},
    )


LanguageCode = Annotated[str, GetPydanticSchema(_language_schema)]
"""Code of a language that has a plug-in."""
_T = TypeVar("_T")


class _ByLanguage(RootModel[Mapping[LanguageCode, _T]], Generic[_T]):
    """A mapping of a pack file whose keys are languages."""

    model_config = ConfigDict(frozen=True)
    root: Mapping[LanguageCode, _T] = Field(default_factory=dict)


class Phrases(_ByLanguage[Annotated[tuple[Phrase, ...], Field(max_length=MAX_PHRASES)]]):
    """Phrases by language."""

    def in_language(self, code: str) -> tuple[str, ...]:
        """Return the phrases in one language."""
        return self.root.get(code, ())


class Patterns(_ByLanguage[Annotated[tuple[Pattern, ...], Field(max_length=100)]]):
    """Patterns in RE2 by language; compared with normalised text (`matchers.patterns`)."""

    def in_language(self, code: str) -> tuple[str, ...]:
        """Return the patterns in one language."""
        return self.root.get(code, ())


class Translation(Part):
    """Title and description in one language, for people."""

    title: Line
    description: Prose


class Translations(_ByLanguage[Translation]):
    """Translations by language; other languages show the pack's own words."""

    def in_language(self, code: str) -> Translation | None:
        """Return the translation into one language; None if there is none."""
        return self.root.get(code)
