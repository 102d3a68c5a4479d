"""Try packs over HTTP without changing anything: `/v1/policies/check` and `/match`.

Packs and sentences are neither stored nor logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from policies.fields import LanguageCode
from policies.languages import guess_language
from policies.match import RuleStatus
from policies.matcher import ROOM_STATUSES, TRIAL_STATUSES
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import Role
from service.rulebook import jobs
from service.rulebook.checking import Budget
from service.rulebook.refusals import ShownError, shown_errors
from service.rulebook.routes import PREFIX, YAML_BODY, Parts, yaml_body
from service.rulebook.trial import TrialSentence, Verdict

router = APIRouter(tags=["policies"], route_class=IdempotentRoute)

Tries = Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
PackNames = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)]


@dataclass(frozen=True, slots=True)
class Tests:
    """
    Attributes:
        examples: Number of examples of all rules; null if the pack has errors.
        failed: Number of examples that failed or could not be tried.
    """

    examples: int | None
    failed: int


@dataclass(frozen=True, slots=True)
class Checked:
    """
    Attributes:
        pack: Name in the text; null if it has errors.
        version: Version in the text; null if it has errors.
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

    text: Text = Field(description="Text as a recogniser would write it.")
    language: LanguageCode | None = Field(
        None, description="Detected from the characters by default."
    )
    role: str = Field("", max_length=100, description="Role of the speaker.")
    packs: PackNames | None = Field(None, description="Names of packs; all by default.")
    draft: str | None = Field(
        None,
        max_length=1_000_000,
        description="A pack as YAML; it replaces the pack of its name.",
    )
    statuses: list[RuleStatus] | None = Field(
        None,
        min_length=1,
        max_length=4,
        description="Rules to try; by default active and shadow, with a draft also draft.",
    )


@router.post(PREFIX + "/check", summary="Check a pack", openapi_extra=YAML_BODY)
async def check_pack(request: Request, parts: Parts, _: Tries) -> Checked:
    """Check the YAML in the body as `PUT /v1/policies/{pack}` would; nothing is changed."""
    return _checked(await parts.policies.check(await yaml_body(request)))


@router.post(PREFIX + "/match", summary="Match a text against the policies")
async def match_text(body: Sentence, parts: Parts, _: Tries) -> Verdict:
    """The packs in force apply, or a draft among them. The text is not stored."""
    statuses = body.statuses or (ROOM_STATUSES if body.draft is None else TRIAL_STATUSES)
    sentence = TrialSentence(
        body.text,
        body.language or guess_language(body.text).code,
        role=body.role,
        packs=None if body.packs is None else frozenset(body.packs),
    )
    return await parts.policies.trial(sentence, statuses, body.draft)


def _checked(report: jobs.Checked) -> Checked:
    failed = sum("].tests." in error.field for error in report.errors)
    return Checked(
        valid=report.pack is not None,
        pack=report.pack,
        version=report.version,
        errors=shown_errors(report.errors),
        warnings=report.warnings,
        tests=Tests(report.examples, failed),
        budgets=report.budgets,
    )
