"""`/v1/policies/check` and `/match`: try packs out, changing nothing.

What is sent is neither stored nor logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from policies.explain import Explanation, Heard, RuleVerdict, explanation
from policies.language import Language
from policies.match import Match, RuleStatus
from policies.matcher import HEARD, TRIED, Matcher
from policies.pack import Rule
from policies.spoken import Context, Spoken
from policies.stored import language_of
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role
from service.rulebook.checking import Budget, Report
from service.rulebook.refusals import ShownError, shown_errors
from service.rulebook.routes import PREFIX, YAML_BODY, Parts, yaml_body

router = APIRouter(tags=["policies"])

Tries = Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
PackNames = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)]


@dataclass(frozen=True, slots=True)
class Tests:
    """
    Attributes:
        examples: Of all rules; None where the pack has errors.
        failed: Examples that do not do what they say, or could not be tried.
    """

    examples: int | None
    failed: int


@dataclass(frozen=True, slots=True)
class Checked:
    """
    Attributes:
        pack: The name that the pack gives itself; None where it has errors.
    """

    valid: bool
    pack: str | None
    version: str | None
    errors: Sequence[ShownError]
    warnings: Sequence[str]
    tests: Tests
    budgets: Sequence[Budget]


class Sentence(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: Text = Field(description="As a recogniser would write it.")
    language: Language | None = Field(None, description="Left out: as the characters show.")
    role: str = Field("", max_length=100, description="The speaker's.")
    packs: PackNames | None = Field(None, description="Names of packs; left out: all.")
    draft: str | None = Field(
        None,
        max_length=1_000_000,
        description="A pack as YAML, in the place of the pack of its name.",
    )
    statuses: list[RuleStatus] | None = Field(
        None,
        min_length=1,
        max_length=4,
        description="Rules to try; left out: active and shadow, with a draft also draft.",
    )


@dataclass(frozen=True, slots=True)
class LayerHeard:
    layer: str
    heard: Sequence[Heard]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Attributes:
        words: The text as it is compared, and `sounds` how it is heard.
        layers: What each layer heard, the surest first.
        rules: Of every rule of which anything was heard, whether it applies, and why or why not.
        matches: Of rules that apply, the gravest first; those of `active` ones would be alerts.
    """

    language: Language
    words: str
    sounds: str
    layers: Sequence[LayerHeard]
    rules: Sequence[RuleVerdict]
    matches: Sequence[Match]


@router.post(PREFIX + "/check", summary="What is wrong with a pack", openapi_extra=YAML_BODY)
async def check_policies(request: Request, parts: Parts, _: Tries) -> Checked:
    """What `PUT /v1/policies/{pack}` would say of the YAML in the body; nothing is changed."""
    return _checked(await parts.policies.check(await yaml_body(request)))


@router.post(PREFIX + "/match", summary="What the policies make of a sentence, and why")
async def match_policies(body: Sentence, parts: Parts, _: Tries) -> Verdict:
    """By the packs in force, or with a draft among them. The text is not stored."""
    statuses = body.statuses or (HEARD if body.draft is None else TRIED)
    matcher = await parts.policies.trial(statuses, body.draft)
    return await asyncio.to_thread(_verdict, matcher, body)


def _verdict(matcher: Matcher, body: Sentence) -> Verdict:
    language = body.language or language_of(body.text)
    packs = None if body.packs is None else frozenset(body.packs)
    context = Context("", "", packs, role=body.role)
    spoken = Spoken(body.text, language)
    why = explanation(matcher, spoken, context) or Explanation("", "", {}, ())
    verdict = matcher.verdict(spoken, context)
    return Verdict(
        language=language,
        words=why.words,
        sounds=why.sounds,
        layers=[LayerHeard(layer, heard) for layer, heard in why.layers.items()],
        rules=why.rules,
        matches=sorted((*verdict.live, *verdict.shadow), key=lambda match: -match.severity.rank),
    )


def _checked(report: Report) -> Checked:
    loaded = report.loaded
    pack = None if loaded is None else loaded.pack
    examples = None if pack is None else sum(map(_examples, pack.policies))
    failed = sum("].tests." in error.field for error in report.errors)
    return Checked(
        valid=pack is not None,
        pack=None if pack is None else pack.pack,
        version=None if pack is None else pack.version,
        errors=shown_errors(report.errors),
        warnings=report.warnings,
        tests=Tests(examples, failed),
        budgets=report.budgets,
    )


def _examples(rule: Rule) -> int:
    tests = rule.tests
    return len(tests.must_match) + len(tests.must_not_match) + len(tests.must_excuse)
