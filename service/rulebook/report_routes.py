"""Rule report and back-test over HTTP: `/v1/policies/report` and `/v1/policies/backtest`."""

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
from service.access.idempotency import IdempotentRoute
from service.access.keys import PLAIN, Role
from service.access.scope import about_all_rooms, require_scope
from service.clock import Clock, Moment
from service.errors import Problem
from service.provider import Provider
from service.rulebook.backtesting import Backtesting, BacktestReport
from service.rulebook.ports import PacksInForce, RuleHitStore
from service.rulebook.refusals import shown_errors
from service.rulebook.rule_report import RuleReport, reported_period, rule_report
from service.rulebook.rules_page import Kept

router = APIRouter(tags=["policies"], route_class=IdempotentRoute)


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
"""Largest body of a back-test."""
_MOST_PACKS = 20

Room = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=PLAIN)]


class Draft(BaseModel):
    """Request for a back-test."""

    model_config = ConfigDict(extra="forbid")

    packs: Annotated[Sequence[str], Field(min_length=1, max_length=_MOST_PACKS)] = Field(
        description="Packs as YAML; each replaces the pack in force of its name, or is added."
    )
    statuses: Annotated[Sequence[RuleStatus], Field(min_length=1, max_length=4)] = Field(
        TRIAL_STATUSES, description="Statuses of the rules that take part on both sides."
    )
    since: Moment | None = None
    until: Moment | None = None
    room: Room | None = None


@router.get("/v1/policies/report", summary="Report matches, alerts and precision of each rule")
async def report_rules(
    parts: Parts,
    caller: Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))],
    since: Annotated[Moment | None, Query(description="30 days before `until` by default.")] = None,
    until: Annotated[Moment | None, Query(description="Now by default.")] = None,
    room: Annotated[Room | None, Query(description="Id of a room; all rooms by default.")] = None,
) -> RuleReport:
    """Speech counts by the whole hour in which it was spoken.

    A decision about an alert counts for each of its rules. A key that is scoped to rooms must name
    one of them.
    """
    _check_scope(caller, room)
    _in_order(since, until)
    kept = timedelta(days=parts.kept.alert_days)
    asked = reported_period(since, until, room, now=parts.clock(), kept=kept)
    return rule_report(asked, await parts.rule_hits.counted(asked), parts.policies.packs)


def _check_scope(caller: Caller, room: str | None) -> None:
    """Refuse a report beyond the caller's scope. Raises: Problem 404, or 403 without a room."""
    if room is not None:
        require_scope(caller, room)
    elif caller.rooms:
        raise about_all_rooms(caller)


@router.post(BACKTEST, summary="Back-test draft packs on transcripts on record")
async def backtest_packs(
    draft: Draft, parts: Parts, _: Annotated[Caller, Depends(allow(Role.ADMIN))]
) -> BacktestReport:
    """Nothing is changed. One back-test runs at a time.

    It takes the newest utterances of the period; `left_out` counts the others.
    """
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
    """Return a refusal with the first error in its text and all in `errors`."""
    first, *others = invalid.errors
    more = f" (and {len(others)} more, in `errors`)" if others else ""
    errors = [
        {"pack": error.path, **asdict(shown)}
        for error, shown in zip(invalid.errors, shown_errors(invalid.errors), strict=True)
    ]
    return Problem(422, "Draft refused", f"{first}{more}", extra={"errors": errors})


def _in_order(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and since >= until:
        raise Problem(422, "Empty period", "`since` must lie before `until`")
