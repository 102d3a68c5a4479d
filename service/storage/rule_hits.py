"""Hits of rules, hours of speech, and both beside the decisions of moderators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Subquery,
    and_,
    case,
    distinct,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from policies.handling import Handling, handling_of
from policies.match import Match, RuleStatus
from service.alerts.alert import UNDECIDED, Outcome
from service.listening.events import TranscriptHeard
from service.rulebook.past_utterance import PastUtterance
from service.rulebook.rule_report import (
    Beside,
    Counted,
    DecisionCount,
    HitCount,
    Period,
    RuleKey,
    ShadowCount,
)
from service.storage.engine import Database
from service.storage.tables import alerts, heard_hours, hits, rule_hits, transcripts

_LIVE = rule_hits.alias("live")
_Caught = tuple[int, Sequence[Beside]]


class SqlRuleHits:
    """`service.rulebook.ports.RuleHitStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counted(self, period: Period) -> Counted:
        async with self._database.read() as connection:
            speech_ms, utterances = await _heard(connection, period)
            return Counted(
                hits=await _hits(connection, period),
                decisions=await _decisions(connection, period),
                shadows=await _shadows(connection, period),
                speech_ms=speech_ms,
                utterances=utterances,
            )

    async def past_utterances(
        self, *, words_since: datetime, hits_since: datetime, limit: int
    ) -> Sequence[PastUtterance]:
        table, hit = transcripts.c, rule_hits.c
        words = select(
            table.room_id, table.speaker_id, table.started_at, table.language, table.text
        ).where(table.ended_at >= words_since, table.text != "")
        words = words.order_by(table.ended_at.desc()).limit(limit)
        counting = select(hit.room_id, hit.speaker_id, hit.at, hit.pack, hit.rule_id)
        counting = counting.where(hit.at >= hits_since, ~hit.excused)
        counting = counting.order_by(hit.at.desc()).limit(limit)
        async with self._database.read() as connection:
            said = [PastUtterance(*row, rules=()) for row in await connection.execute(words)]
            for room_id, speaker_id, at, *rule in await connection.execute(counting):
                said.append(PastUtterance(room_id, speaker_id, at, "", "", ((rule[0], rule[1]),)))
        return sorted(said, key=lambda each: (each.at, each.rules))


async def keep_hits(
    connection: AsyncConnection, heard: TranscriptHeard, found: Sequence[Match]
) -> None:
    """Store hits in the transaction that stores the utterance, which refuses duplicates."""
    if found:
        await connection.execute(insert(rule_hits), [_columns(heard, match) for match in found])


async def count_heard(connection: AsyncConnection, heard: TranscriptHeard) -> None:
    """Add an utterance with words to its hour. No other writer runs between the two statements."""
    if not heard.text:
        return
    hour = heard.started_at.replace(minute=0, second=0, microsecond=0)
    speech_ms = round((heard.ended_at - heard.started_at).total_seconds() * 1000)
    more = update(heard_hours).where(heard_hours.c.hour == hour)
    more = more.values(
        utterances=heard_hours.c.utterances + 1, speech_ms=heard_hours.c.speech_ms + speech_ms
    )
    if (await connection.execute(more)).rowcount == 0:
        first = insert(heard_hours).values(hour=hour, utterances=1, speech_ms=speech_ms)
        await connection.execute(first)


def _columns(heard: TranscriptHeard, match: Match) -> dict[str, Any]:
    return {
        "utterance_id": heard.utterance_id,
        "pack": match.pack,
        "rule_id": match.rule_id,
        "pack_version": match.pack_version,
        "rule_version": match.rule_version,
        "status": match.status,
        "severity": match.severity,
        "category": match.category,
        "handling": handling_of(match.category, match.subcategory),
        "review": match.review,
        "excused": bool(match.excused_by),
        "room_id": heard.room_id,
        "speaker_id": heard.speaker_id,
        "at": heard.started_at,
    }


async def _heard(connection: AsyncConnection, period: Period) -> tuple[int | None, int | None]:
    if period.room_id is not None:
        return None, None
    table = heard_hours.c
    query = select(func.sum(table.speech_ms), func.sum(table.utterances))
    query = query.where(table.hour >= period.since, table.hour < period.until)
    speech_ms, utterances = (await connection.execute(query)).one()
    return int(speech_ms or 0), int(utterances or 0)


async def _hits(connection: AsyncConnection, period: Period) -> dict[RuleKey, HitCount]:
    table = rule_hits.c
    query = select(
        *_rule(rule_hits),
        _how_many(table.status == RuleStatus.ACTIVE),
        _how_many(table.status == RuleStatus.SHADOW),
        _how_many(table.excused),
        _how_many(table.review),
        func.min(table.handling),
    )
    query = query.where(_within(rule_hits, period)).group_by(*_rule(rule_hits))
    found = await connection.execute(query)
    return {
        RuleKey(*key): HitCount(live, shadow, excused, review, Handling(handling))
        for *key, live, shadow, excused, review, handling in found
    }


async def _decisions(connection: AsyncConnection, period: Period) -> dict[RuleKey, DecisionCount]:
    """Return the decisions by rule, also on alerts from before hits were counted."""
    version = func.coalesce(rule_hits.c.rule_version, "")
    same = and_(
        hits.c.utterance_id == rule_hits.c.utterance_id,
        hits.c.pack == rule_hits.c.pack,
        hits.c.rule_id == rule_hits.c.rule_id,
    )
    query = (
        select(
            hits.c.pack,
            hits.c.rule_id,
            version,
            func.count(),
            _how_many(alerts.c.state.in_(UNDECIDED)),
            *(_how_many(alerts.c.outcome == outcome) for outcome in Outcome),
        )
        .select_from(hits.join(alerts, hits.c.alert_id == alerts.c.id).outerjoin(rule_hits, same))
        .where(
            alerts.c.raised_at >= period.since,  # an alert is never raised before its speech
            alerts.c.speech_started_at >= period.since,
            alerts.c.speech_started_at < period.until,
            *([] if period.room_id is None else [alerts.c.room_id == period.room_id]),
        )
        .group_by(hits.c.pack, hits.c.rule_id, version)
    )
    return {RuleKey(*row[:3]): DecisionCount(*row[3:]) for row in await connection.execute(query)}


async def _shadows(connection: AsyncConnection, period: Period) -> dict[RuleKey, ShadowCount]:
    first = _first_hits(period)
    since = select(*_rule(first), func.min(first.c.since)).group_by(*_rule(first))
    rows = (await connection.execute(since)).all()
    if not rows:
        return {}
    together = await _caught(connection, *_also_live(period))
    missed = await _caught(connection, *_only_live(first, period))
    none: _Caught = (0, ())
    return {
        (key := RuleKey(*row[:3])): ShadowCount(
            row[3], *together.get(key, none), *missed.get(key, none)
        )
        for row in rows
    }


def _first_hits(period: Period) -> Subquery:
    """Return the first hit of each shadow rule in each category that it ever had."""
    query = select(*_rule(rule_hits), rule_hits.c.category, func.min(rule_hits.c.at).label("since"))
    query = query.where(rule_hits.c.status == RuleStatus.SHADOW, _within(rule_hits, period))
    return query.group_by(*_rule(rule_hits), rule_hits.c.category).subquery("first_hits")


def _also_live(period: Period) -> tuple[FromClause, ColumnElement[bool]]:
    """Select utterances with hits of both a shadow rule and a live one."""
    shadow = rule_hits.alias("shadow")
    return shadow, and_(
        shadow.c.status == RuleStatus.SHADOW,
        _within(shadow, period),
        _LIVE.c.status == RuleStatus.ACTIVE,
        _LIVE.c.utterance_id == shadow.c.utterance_id,
    )


def _only_live(first: Subquery, period: Period) -> tuple[FromClause, ColumnElement[bool]]:
    """Select utterances with a hit of a live rule and none of a shadow rule of its category."""
    both = rule_hits.alias("both")
    shadow_too = exists().where(
        both.c.utterance_id == _LIVE.c.utterance_id,
        both.c.pack == first.c.pack,
        both.c.rule_id == first.c.rule_id,
    )
    return first, and_(
        _LIVE.c.status == RuleStatus.ACTIVE,
        _within(_LIVE, period),
        _LIVE.c.category == first.c.category,
        _LIVE.c.at >= first.c.since,
        ~shadow_too,
    )


async def _caught(
    connection: AsyncConnection, shadow: FromClause, pairs: ColumnElement[bool]
) -> dict[RuleKey, _Caught]:
    """Count by shadow rule the utterances with a live hit, and by which live rules."""
    number = func.count(distinct(_LIVE.c.utterance_id))
    alone = select(*_rule(shadow), number).where(pairs).group_by(*_rule(shadow))
    live = (_LIVE.c.pack, _LIVE.c.rule_id)
    each = select(*_rule(shadow), *live, number).where(pairs).group_by(*_rule(shadow), *live)
    each = each.order_by(number.desc(), *live)
    others: defaultdict[RuleKey, list[Beside]] = defaultdict(list)
    for *key, pack, rule_id, utterances in await connection.execute(each):
        others[RuleKey(*key)].append(Beside(pack, rule_id, utterances))
    totals = await connection.execute(alone)
    return {(rule := RuleKey(*key)): (total, tuple(others[rule])) for *key, total in totals}


def _rule(table: FromClause) -> tuple[ColumnElement[Any], ...]:
    return table.c.pack, table.c.rule_id, table.c.rule_version


def _within(table: FromClause, period: Period) -> ColumnElement[bool]:
    inside = [table.c.at >= period.since, table.c.at < period.until]
    if period.room_id is not None:
        inside.append(table.c.room_id == period.room_id)
    return and_(*inside)


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
