"""What a pack file says, as pydantic models: `load` reads them, nothing else makes them from files.

Fields that are not here are refused, so that a file never promises what is not carried out.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from policies.fields import (
    Decimal,
    GroupName,
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
from policies.language import Language
from policies.listen import Before, Escalation, Except, Group, Scope, When
from policies.match import Action, RuleStatus
from policies.severity import Severity
from policies.taxonomy import Category

MAX_RULES = 1000
MAX_GROUPS = 20


def _as_example(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class Example(Part):
    """Words to try a rule on; in a file, plain text or this.

    Attributes:
        turns: Utterances one after another instead of `text`: the rule is tried on the last.
        language: If not as the characters show.
        speaker: Of the turns before the last: the same speaker, or another.
        role: The speaker's.
        hypotheses: Further readings of the same sound.
    """

    text: Spoken | None = None
    turns: Annotated[tuple[Spoken, ...], Field(min_length=2, max_length=10)] = ()
    language: Language | None = None
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
        """What the rule is tried on."""
        return self.turns[-1] if self.text is None else self.text


Examples = Annotated[Example, BeforeValidator(_as_example)]
_ListOfExamples = tuple[Examples, ...]


class Tests(Part):
    """Examples that are tried whenever the pack is loaded; one that fails refuses the pack.

    Attributes:
        must_match: Matches that no exception excuses.
        must_not_match: Nothing at all.
        must_excuse: Matches that an exception excuses, to be reviewed or at a lower severity.
    """

    must_match: Annotated[_ListOfExamples, Field(min_length=3, max_length=1000)]
    must_not_match: Annotated[_ListOfExamples, Field(min_length=3, max_length=1000)]
    must_excuse: Annotated[_ListOfExamples, Field(max_length=1000)] = ()


class Rule(Part):
    """One policy of a pack.

    Attributes:
        version: The rule's own; the pack's where it has none.
        title: For moderators and for a room's members.
        description: What is listened for and why, for a room's members; shown on `/rules`.
        translations: Of title and description.
        owner: Who answers for the rule; the pack's where it has none.
        references: Where the harm and the rule are explained.
        false_positives: What it is known to take for a violation.
        match: Groups by name.
        hypotheses: How many further readings of the sound are tried; each one less likely.
        cooldown_s: See `Match.cooldown_s`; `cooldown` in the file, with its unit.
        mask: The words that matched are not written out in explanations.
        budget_fa_per_hour: False alarms an hour on benign speech above which the rule is refused.
    """

    id: Name
    version: Version | None = None
    status: RuleStatus = RuleStatus.ACTIVE
    title: Line
    category: Category
    subcategory: str | None = None
    severity: Severity
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
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
    """One file of policies, swapped in and out as a whole."""

    schema_version: SchemaVersion = Field(alias="schema")
    pack: Name
    version: Version
    title: Line
    description: Prose
    translations: Translations = Translations()
    owner: Line | None = None
    policies: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]


def words_in(language: Language, told: Pack | Rule) -> Translation:
    """Title and description in a language; in the pack's own where it has no translation."""
    own = Translation(title=told.title, description=told.description)
    return told.translations.of(language) or own
