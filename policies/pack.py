"""A pack file as pydantic models. Only `load` makes them from files.

Unknown fields are refused, so that a file never promises what the program does not do.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from policies.fields import (
    Decimal,
    GroupName,
    LanguageCode,
    Line,
    Lines,
    Name,
    Part,
    Prose,
    SchemaVersion,
    Seconds,
    Spoken,
    Translation,
    Translations,
    Version,
    Whole,
    YesNo,
    refusal,
)
from policies.listen import Before, Escalation, Except, Group, Scope, When
from policies.match import Action, RuleStatus
from policies.severity import Severity
from policies.taxonomy import Category

MAX_RULES = 1000
MAX_GROUPS = 20


def _as_example(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Example(Part):
    """Words to try a rule on. In a file it may also be plain text.

    Attributes:
        text: Utterance to try the rule on.
        turns: Successive utterances instead of `text`: the rule is tried on the last.
        language: Language of the words; None: as their characters show.
        same_speaker: The turns before the last have the speaker of the last.
        role: Role of the speaker.
        room: Id of the room.
        tags: Tags of the room.
        hypotheses: Further readings of the same sound.
    """

    text: Spoken | None = None
    turns: Annotated[tuple[Spoken, ...], Field(min_length=2, max_length=10)] = ()
    language: LanguageCode | None = None
    same_speaker: YesNo = True
    role: Line | None = None
    room: Line | None = None
    tags: Lines = ()
    hypotheses: Annotated[tuple[Spoken, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _text_or_turns(self) -> Example:
        if (self.text is None) == (not self.turns):
            raise refusal("has neither text nor turns, or both", "give one of the two")
        return self

    @property
    def last(self) -> str:
        """The utterance that the rule is tried on."""
        return self.turns[-1] if self.text is None else self.text


Examples = Annotated[Example, BeforeValidator(_as_example)]
_ListOfExamples = tuple[Examples, ...]


class Tests(Part):
    """Examples, tried whenever the pack is loaded. The pack is refused if one fails.

    Attributes:
        must_match: Examples that match, and that no exception excuses.
        must_not_match: Examples that do not match.
        must_excuse: Examples that match, and that an exception excuses.
    """

    must_match: Annotated[_ListOfExamples, Field(min_length=3, max_length=1000)]
    must_not_match: Annotated[_ListOfExamples, Field(min_length=3, max_length=1000)]
    must_excuse: Annotated[_ListOfExamples, Field(max_length=1000)] = ()


class Rule(Part):
    """One policy of a pack.

    Attributes:
        version: Version of the rule; None: that of the pack.
        title: Title for moderators and for a room's members.
        description: The harm and the reason for the rule, for a room's members; shown on `/rules`.
        translations: Title and description in other languages.
        owner: People who answer for the rule; None: those of the pack.
        references: Links that explain the harm and the rule.
        false_positives: Known mistakes of the rule.
        match: Groups by name.
        hypotheses: Most further readings of the sound to try; each is less likely.
        cooldown_s: See `Match.cooldown_s`; `cooldown` in the file, with its unit.
        mask: Explanations do not spell out the words that matched.
        budget_fa_per_hour: Most false alarms an hour on benign speech.
    """

    id: Name
    version: Version | None = None
    status: RuleStatus = RuleStatus.ACTIVE
    title: Line
    category: Category
    subcategory: str | None = None
    severity: Severity
    languages: Annotated[tuple[LanguageCode, ...], Field(min_length=1)]
    description: Prose
    translations: Translations = Translations()
    owner: Line | None = None
    references: Lines = ()
    false_positives: Lines = ()
    match: Annotated[dict[GroupName, Group], Field(min_length=1, max_length=MAX_GROUPS)]
    when: When = When()
    except_: Except = Field(default=Except(), alias="except")
    scope: Scope = Scope()
    context: Before = Before()
    hypotheses: Annotated[Whole, Field(ge=0, le=10)] = 0
    escalate: Annotated[tuple[Escalation, ...], Field(max_length=5)] = ()
    cooldown_s: Seconds = Field(default=30.0, alias="cooldown")
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=6)] = (Action.ALERT,)
    mask: YesNo = False
    budget_fa_per_hour: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    tests: Tests


class Pack(Part):
    """One file of rules, put into force and removed as a whole."""

    schema_version: SchemaVersion = Field(alias="schema")
    pack: Name
    version: Version
    title: Line
    description: Prose
    translations: Translations = Translations()
    owner: Line | None = None
    policies: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]


def words_in(code: str, part: Pack | Rule) -> Translation:
    """Return title and description in a language; without a translation, the pack's own."""
    own = Translation(title=part.title, description=part.description)
    return part.translations.in_language(code) or own
