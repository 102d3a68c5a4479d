"""How rules do and what drafts would change: `/v1/policies/report` and `/v1/policies/backtest`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from policies.finding import PackInvalid
from policies.match import RuleStatus
from policies.matcher import TRIAL_STATUSES
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.clock import Clock, Moment
from service.errors import Problem
from service.provider import Provider
from service.rulebook.backtesting import Backtesting, BacktestReport
from service.rulebook.ports import PacksInForce, RuleHitStore
from service.rulebook.refusals import shown_errors
from service.rulebook.rule_report import RuleReport, period, rule_report
from service.rulebook.rules_page import Kept

router = APIRouter(tags=["policies"])


class ReportParts(Protocol):
    @property
    def rule_hits(self) -> RuleHitStore: ...
    @property
    def backtesting(self) -> Backtesting: ...
    @property
    def policies(self) -> PacksInForce: ...
    @property
    def kept(self) -> Kept: ...
    @property
    def clock(self) -> Clock: ...


REPORT = Provider[ReportParts]()
Parts = Annotated[ReportParts, Depends(REPORT)]

BACKTEST = "/v1/policies/backtest"
MAX_BYTES = 4_000_000
"""Of a back-test's body."""
_MOST_PACKS = 20

Room = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]


class Draft(BaseModel):
    """What is asked of a back-test."""

    model_config = ConfigDict(extra="forbid")

    packs: Annotated[Sequence[str], Field(min_length=1, max_length=_MOST_PACKS)] = Field(
        description="Packs as YAML: each in place of the live one of its name, or beside them all."
    )
    statuses: Annotated[Sequence[RuleStatus], Field(min_length=1, max_length=4)] = Field(
        TRIAL_STATUSES, description="Rules with another status are heard on neither side."
    )
    since: Moment | None = None
    until: Moment | None = None
    room: Room | None = None


@router.get("/v1/policies/report", summary="How well each rule does")
async def report(
    parts: Parts,
    _: Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))],
    since: Annotated[Moment | None, Query(description="Left out, 30 days before `until`.")] = None,
    until: Annotated[Moment | None, Query(description="Left out, now.")] = None,
    room: Annotated[Room | None, Query(description="Id of a room; left out, all.")] = None,
) -> RuleReport:
    """By when it was said, in whole hours. Of an alert with several rules, each is upheld or
    dismissed with it."""
    _in_order(since, until)
    kept = timedelta(days=parts.kept.alert_days)
    asked = period(since, until, room, now=parts.clock(), kept=kept)
    return rule_report(asked, await parts.rule_hits.counted(asked), parts.policies.packs)


@router.post(BACKTEST, summary="Try draft packs on what was said")
async def back_test(
    draft: Draft, parts: Parts, _: Annotated[Caller, Depends(allow(Role.ADMIN))]
) -> BacktestReport:
    """Nothing is changed. One at a time; of more talk than it takes, the newest is taken, and
    `left_out` says how much is not."""
    _in_order(draft.since, draft.until)
    try:
        return await parts.backtesting.run(
            draft.packs,
            parts.policies.packs,
            draft.statuses,
            since=draft.since,
            until=draft.until,
            room_id=draft.room,
        )
    except PackInvalid as invalid:
        raise _refused(invalid) from None


def _refused(invalid: PackInvalid) -> Problem:
    """The first error in the sentence, all of them in `errors`."""
    first, *others = invalid.errors
    more = f" (and {len(others)} more, in `errors`)" if others else ""
    errors = [
        {"pack": error.path, **asdict(shown)}
        for error, shown in zip(invalid.errors, shown_errors(invalid.errors), strict=True)
    ]
    return Problem(422, "Pack refused", f"{first}{more}", extra={"errors": errors})


def _in_order(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and since >= until:
        raise Problem(422, "Empty period", "`since` must lie before `until`")
