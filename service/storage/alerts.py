"""Alerts, the rules that raised them, and their history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from policies.match import Match
from policies.severity import Severity
from service.alerts.alert import (
    UNDECIDED,
    Alert,
    AlertRaised,
    AlertRetracted,
    AlertState,
    AlertUpdated,
    Step,
)
from service.alerts.decisions import EARSHOT, Decide
from service.alerts.ports import AlertChange, AlertFilter, Hit, Order
from service.clock import Clock, utc_now
from service.listening.events import TranscriptHeard
from service.storage.alert_rows import alert_columns, is_review, read_alert
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.hearing import is_on_record, record
from service.storage.paging import behind, cursor_of, gravest_place, newest_place
from service.storage.rule_hits import count_heard, keep_hits
from service.storage.scope import within
from service.storage.tables import alerts, hits, steps

_RANK = case({severity: severity.rank for severity in Severity}, value=alerts.c.severity)


class SqlAlerts:
    """`service.alerts.ports.AlertStore`."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def hits(self, room_id: str, speaker_id: str, since: datetime) -> Sequence[Hit]:
        query = select(
            hits.c.pack, hits.c.rule_id, alerts.c.id, alerts.c.raised_at, alerts.c.matches
        ).where(
            hits.c.alert_id == alerts.c.id,
            alerts.c.room_id == room_id,
            alerts.c.speaker_id == speaker_id,
            alerts.c.raised_at >= since,
            alerts.c.state.in_(UNDECIDED),
        )
        query = query.order_by(alerts.c.raised_at.desc(), hits.c.pack, hits.c.rule_id)
        async with self._database.read() as connection:
            return [
                Hit(pack, rule_id, alert_id, raised_at, is_review(matches, pack, rule_id))
                for pack, rule_id, alert_id, raised_at, matches in await connection.execute(query)
            ]

    async def commit(
        self,
        heard: TranscriptHeard,
        alerts: Sequence[AlertChange],
        hits: Sequence[Match] = (),
    ) -> bool:
        now = self._clock()
        async with self._database.write() as connection:
            if not await record(connection, heard, now):
                return False
            await count_heard(connection, heard)
            await keep_hits(connection, heard, hits)
            for event in alerts:
                match event:
                    case AlertRaised(alert):
                        await _raise_or_confirm(connection, alert, now)
                    case AlertUpdated(alert):
                        await _change(connection, alert.id, now, repeats=alert.repeats)
                    case AlertRetracted(alert):
                        await _retract(connection, alert.id, now)
        return True

    async def raise_provisional(self, alert: Alert) -> bool:
        now = self._clock()
        async with self._database.write() as connection:
            if await is_on_record(connection, alert.utterance_id):
                return False
            before = await _find(connection, alert.id, to_change=True)
            if before is None:
                await _raise_or_confirm(connection, alert, now)
                return True
            said = (before.excerpt, before.matches) == (alert.excerpt, alert.matches)
            if not before.provisional or before.state not in UNDECIDED or said:
                return False
            await _say_anew(connection, before, alert, now)
        return True

    async def provisional_ids(self) -> Sequence[str]:
        query = select(alerts.c.id).where(alerts.c.provisional)
        query = query.where(alerts.c.state != AlertState.RETRACTED).order_by(alerts.c.raised_at)
        async with self._database.read() as connection:
            return (await connection.scalars(query)).all()

    async def get(self, alert_id: str) -> Alert | None:
        async with self._database.read() as connection:
            return await _find(connection, alert_id)

    async def page(
        self,
        wanted: AlertFilter,
        *,
        limit: int,
        cursor: str | None = None,
        order: Order = Order.NEWEST,
    ) -> tuple[Sequence[Alert], str | None]:
        gravest = order is Order.SEVERITY
        newest = (alerts.c.raised_at.desc(), alerts.c.id.desc())
        ordered = (_RANK.desc(), *newest) if gravest else newest
        ids = select(alerts.c.id).where(*_wanted(wanted))
        if cursor is not None:
            ids = ids.where(_graver_first(cursor) if gravest else _newest_first(cursor))
        # Sort only ids, and then read the alerts of one page.
        ids = ids.order_by(*ordered).limit(limit + 1)
        query = select(alerts).where(alerts.c.id.in_(ids)).order_by(*ordered)
        async with self._database.read() as connection:
            found = [read_alert(row) for row in await connection.execute(query)]
        page = found[:limit]
        if len(found) <= limit:
            return page, None
        last = page[-1]
        rank = last.severity.rank if gravest else None
        return page, cursor_of(last.raised_at, last.id, rank=rank)

    async def decide(self, alert_id: str, decide: Decide) -> Alert | None:
        async with self._database.write() as connection:
            before = await _find(connection, alert_id, to_change=True)
            if before is None:
                return None
            decision = decide(before, await _history(connection, alert_id))
            if decision is None:
                return before
            after = decision.event.alert
            changes = {
                "state": after.state,
                "owner": after.owner,
                "outcome": after.outcome,
                "handling": after.handling,
                "provisional": after.provisional,
                "escalated_at": after.escalated_at,
                "escalated_to": after.escalated_to,
            }
            await connection.execute(update(alerts).where(alerts.c.id == alert_id).values(changes))
            await connection.execute(insert(steps).values(asdict(decision.step)))
            await append(connection, decision.event, decision.step.at)
        return after

    async def history(self, alert_id: str) -> Sequence[Step]:
        async with self._database.read() as connection:
            return await _history(connection, alert_id)


def _wanted(wanted: AlertFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.room_id is not None:
        conditions.append(alerts.c.room_id == wanted.room_id)
    if wanted.states:
        conditions.append(alerts.c.state.in_(wanted.states))
    if wanted.least_severity is not None:
        least = wanted.least_severity.rank
        conditions.append(alerts.c.severity.in_([s for s in Severity if s.rank >= least]))
    if wanted.speaker_ids:
        conditions.append(alerts.c.speaker_id.in_(wanted.speaker_ids))
    if wanted.categories:
        conditions.append(alerts.c.category.in_(wanted.categories))
    if wanted.escalated is not None:
        never = alerts.c.escalated_at.is_(None)
        conditions.append(~never if wanted.escalated else never)
    if wanted.scope:
        conditions.append(within(alerts.c.room_id, wanted.scope))
    return conditions


def _newest_first(cursor: str) -> ColumnElement[bool]:
    """Return the condition for alerts after the cursor."""
    return behind(newest_place(cursor), alerts.c.raised_at, alerts.c.id)


def _graver_first(cursor: str) -> ColumnElement[bool]:
    place = gravest_place(cursor)
    equal = _RANK == place.rank
    return or_(_RANK < place.rank, and_(equal, behind(place, alerts.c.raised_at, alerts.c.id)))


async def _raise_or_confirm(connection: AsyncConnection, alert: Alert, now: datetime) -> None:
    before = await _find(connection, alert.id, to_change=True)
    if before is not None and before.utterance_id == alert.utterance_id:
        return await _say_anew(connection, before, alert, now)
    await connection.execute(insert(alerts).values(alert_columns(alert)))
    await _hit(connection, alert)
    await append(connection, AlertRaised(alert), now)


async def _say_anew(
    connection: AsyncConnection, before: Alert, after: Alert, now: datetime
) -> None:
    """Give a provisional alert new words and rules; decisions of moderators stay."""
    kept = replace(
        after,
        state=before.state,
        owner=before.owner,
        outcome=before.outcome,
        repeats=before.repeats,
        raised_at=before.raised_at,
        handling=before.handling if before.outcome else after.handling,
        escalated_at=before.escalated_at,
        escalated_to=before.escalated_to,
    )
    await connection.execute(
        update(alerts).where(alerts.c.id == kept.id).values(alert_columns(kept))
    )
    await connection.execute(delete(hits).where(hits.c.alert_id == kept.id))
    await _hit(connection, kept)
    await append(connection, AlertUpdated(kept), now)


async def _retract(connection: AsyncConnection, alert_id: str, now: datetime) -> None:
    before = await _find(connection, alert_id, to_change=True)
    if before is None or not before.provisional:
        return
    if before.state not in UNDECIDED:  # a moderator's decision stays
        after = replace(before, provisional=False)
        event: AlertUpdated | AlertRetracted = AlertUpdated(after)
    else:
        after = replace(before, state=AlertState.RETRACTED, provisional=False)
        event = AlertRetracted(after)
        step = Step(alert_id, now, EARSHOT, "retract", "no rule matches the final transcript")
        await connection.execute(insert(steps).values(asdict(step)))
    await connection.execute(
        update(alerts)
        .where(alerts.c.id == alert_id)
        .values(state=after.state, provisional=after.provisional)
    )
    await append(connection, event, now)


async def _hit(connection: AsyncConnection, alert: Alert) -> None:
    for found in alert.matches:
        await connection.execute(
            insert(hits).values(
                utterance_id=alert.utterance_id,
                pack=found.pack,
                rule_id=found.rule_id,
                alert_id=alert.id,
            )
        )


async def _change(
    connection: AsyncConnection, alert_id: str, now: datetime, *, repeats: int
) -> None:
    """Write `repeats` and append the alert as stored: a moderator may have changed its state."""
    await connection.execute(update(alerts).where(alerts.c.id == alert_id).values(repeats=repeats))
    stored = await _find(connection, alert_id)
    if stored is not None:
        await append(connection, AlertUpdated(stored), now)


async def _find(
    connection: AsyncConnection, alert_id: str, *, to_change: bool = False
) -> Alert | None:
    query = select(alerts).where(alerts.c.id == alert_id)
    if to_change:  # lock the row until this transaction ends
        query = query.with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else read_alert(row)


async def _history(connection: AsyncConnection, alert_id: str) -> Sequence[Step]:
    query = select(steps.c.alert_id, steps.c.at, steps.c.who, steps.c.action, steps.c.reason)
    query = query.where(steps.c.alert_id == alert_id).order_by(steps.c.id)
    return [Step(*row) for row in await connection.execute(query)]
