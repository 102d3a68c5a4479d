"""What a pack file says, as pydantic models: `load` reads them, nothing else makes them from files.

Fields that are not here are refused, so that a file never promises what is not carried out.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from policies.finding import quote
from policies.language import Language
from policies.severity import Severity
from policies.taxonomy import Category

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-[0-9a-z]+(?:[.-][0-9a-z]+)*)?")
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MAX_COOLDOWN_S = 24 * 3600
MAX_PHRASES = 10_000
MAX_RULES = 1000


def _refusal(problem: str, remedy: str) -> PydanticCustomError:
    context = {"problem": problem, "remedy": remedy}
    return PydanticCustomError("refused", "{problem}; {remedy}", context)


def _name(value: str) -> str:
    if len(value) > 64 or not _NAME.fullmatch(value):
        problem = f"{quote(value)} is not a name"
        raise _refusal(problem, "use a-z, 0-9 and single hyphens, as in scam-gift-cards")
    return value


def _version(value: str) -> str:
    if len(value) > 64 or not _VERSION.fullmatch(value):
        raise _refusal(f"{quote(value)} is not a version", "write three numbers, as in 1.0.0")
    return value


def _seconds(value: object) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        shown = quote(value) if isinstance(value, str) else "this"
        raise _refusal(f"{shown} is not a duration", "write it as in 0s, 30s, 10m or 2h")
    seconds = float(int(found[1]) * _SECONDS[found[2]])
    if seconds > MAX_COOLDOWN_S:
        raise _refusal(f"{quote(found[0])} is too long", "use 24h or less")
    return seconds


def _schema(value: object) -> int:
    if value not in ("1", 1):
        raise _refusal("this schema is not known here", "write schema: 1")
    return 1


def _printable(value: str) -> str:
    found = _CONTROL.search(value)
    if found:
        raise _refusal(f"contains the control character U+{ord(found[0]):04X}", "remove it")
    return value


Name = Annotated[str, AfterValidator(_name)]
Version = Annotated[str, AfterValidator(_version)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_printable)]
Prose = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable)]
Phrase = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Example = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_printable)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Phrases(_Part):
    """By language."""

    en: Annotated[tuple[Phrase, ...], Field(max_length=MAX_PHRASES)] = ()
    zh: Annotated[tuple[Phrase, ...], Field(max_length=MAX_PHRASES)] = ()

    def of(self, language: Language) -> tuple[str, ...]:
        return self.zh if language is Language.ZH else self.en


class Translation(_Part):
    """What people read, in one language."""

    title: Line
    description: Prose


class Translations(_Part):
    """By language; a language that is not here reads the pack's own words."""

    en: Translation | None = None
    zh: Translation | None = None

    def of(self, language: Language) -> Translation | None:
        return self.zh if language is Language.ZH else self.en


class Listen(_Part):
    """What a rule listens for.

    Attributes:
        tolerance: How far what was heard may be from a phrase; `exact` compares normalised words.
    """

    phrases: Phrases
    tolerance: Literal["exact"] = "exact"


class Tests(_Part):
    """Examples that are tried whenever the pack is loaded; one that fails refuses the pack."""

    must_match: Annotated[tuple[Example, ...], Field(min_length=3, max_length=1000)]
    must_not_match: Annotated[tuple[Example, ...], Field(min_length=3, max_length=1000)]


class Rule(_Part):
    """One policy of a pack.

    Attributes:
        title: For moderators and for a room's members.
        description: What is listened for and why, for a room's members; shown on `/rules`.
        translations: Of title and description.
        cooldown_s: See `Match.cooldown_s`; `cooldown` in the file, with its unit.
    """

    id: Name
    title: Line
    category: Category
    subcategory: str | None = None
    severity: Severity
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    description: Prose
    translations: Translations = Translations()
    match: Listen
    cooldown_s: Seconds = Field(default=30.0, alias="cooldown")
    tests: Tests


class Pack(_Part):
    """One file of policies, swapped in and out as a whole."""

    schema_version: Annotated[Literal[1], BeforeValidator(_schema)] = Field(alias="schema")
    pack: Name
    version: Version
    title: Line
    description: Prose
    translations: Translations = Translations()
    policies: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]


def words_in(language: Language, told: Pack | Rule) -> Translation:
    """Title and description in a language; in the pack's own where it has no translation."""
    own = Translation(title=told.title, description=told.description)
    return told.translations.of(language) or own
