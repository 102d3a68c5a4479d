"""Rooms, transcripts and alerts, written straight into a running server's database.

The server sees what another process commits within `event_log.POLL_S`, and tells its feed of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy import delete, func, insert, select, update

from policies.handling import Handling
from policies.match import Match, RuleStatus
from policies.severity import Severity
from service.access.keys import Role, digest_of, make_key
from service.alerts.alert import (
    TALK_AROUND,
    Alert,
    AlertMatch,
    AlertRaised,
    AlertRetracted,
    AlertState,
    AlertUpdated,
    Outcome,
    Step,
)
from service.alerts.decisions import Decision, Person
from service.clock import utc_now
from service.listening.events import AudioGap, TranscriptHeard
from service.rooms.room import Room, RoomState, Speaker
from service.storage import tables
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import append
from service.storage.hearing import SqlHearing
from service.storage.keys import SqlKeys
from service.storage.rooms import SqlRooms
from service.verdict.overload import OverloadChanged, Pace

T = TypeVar("T")

SAID = {
    "scam-gift-cards": "please send me your gift card codes right now",
    "threat-violence": "if you come here I will kill you tonight",
    "harassment-insults": "you are a stupid idiot",
    "threat-weapon": "I am bringing a gun to the meeting tomorrow",
    "gambling-promotion": "join the online casino for free spins",
    "self-harm-help": "some days I want to end my life",
}
MARKED = {
    "scam-gift-cards": "send me your gift card codes",
    "threat-violence": "kill you",
    "harassment-insults": "stupid idiot",
    "threat-weapon": "bringing a gun",
    "gambling-promotion": "online casino",
    "self-harm-help": "end my life",
}
RULES = {
    "scam-gift-cards": (Severity.HIGH, "non_violent_crimes"),
    "threat-violence": (Severity.HIGH, "violent_crimes"),
    "harassment-insults": (Severity.MEDIUM, "hate"),
    "threat-weapon": (Severity.CRITICAL, "violent_crimes"),
    "gambling-promotion": (Severity.LOW, "non_violent_crimes"),
    "self-harm-help": (Severity.HIGH, "suicide_self_harm"),
}
"""Severity and category of rules in the shipped pack."""
HELP = "self-harm-help"
OFFENCES = [rule for rule in RULES if rule != HELP]

_TABLES = (
    tables.actions,
    tables.mutes,
    tables.steps,
    tables.rule_hits,
    tables.heard_hours,
    tables.hits,
    tables.alerts,
    tables.gaps,
    tables.transcripts,
    tables.publish_tokens,
    tables.speakers,
    tables.rooms,
)


class Seed:
    """Writer of rooms and alerts. Every call returns after its commit; `ago_s` is an age."""

    def __init__(self, portal: BlockingPortal, database: Database) -> None:
        self._portal = portal
        self._database = database
        self._rooms = SqlRooms(database)
        self._hearing = SqlHearing(database)
        self._alerts = SqlAlerts(database)
        self._keys = SqlKeys(database)
        self._number = count(1)

    def clear(self) -> None:
        """Delete all rooms and alerts, without events for open pages."""

        async def forget() -> None:
            async with self._database.write() as connection:
                for table in _TABLES:
                    await connection.execute(delete(table))

        self._do(forget)

    def room(
        self,
        id_: str = "lounge",
        title: str = "Late Night Lounge",
        *,
        state: RoomState = RoomState.LISTENING,
        reason: str = "",
        ago_s: float = 900,
    ) -> Room:
        """Add a room without speakers."""
        room = Room(
            id=id_,
            title=title,
            connector={"kind": "whip"},
            languages=("en",),
            policies=(),
            state=RoomState.JOINING,
            joined_at=_ago(ago_s),
        )

        async def write() -> Room:
            await self._rooms.add(room)
            return await self._rooms.set_state(id_, state, reason)

        return self._do(write)

    def room_state(self, room_id: str, state: RoomState, reason: str = "") -> None:
        self._do(lambda: self._rooms.set_state(room_id, state, reason))

    def joins(
        self,
        room_id: str,
        speaker_id: str,
        name: str,
        role: str = "speaker",
        *,
        muted: bool = False,
    ) -> None:
        """Append the event for open pages; the server itself lists only speakers it hears."""
        speaker = Speaker(room_id, speaker_id, name, role, muted)
        self._do(lambda: self._rooms.speaker_joined(speaker, utc_now()))

    def leaves(self, room_id: str, speaker_id: str, name: str) -> None:
        speaker = Speaker(room_id, speaker_id, name)
        self._do(lambda: self._rooms.speaker_left(speaker, "hung up", utc_now()))

    def talk(
        self,
        text: str,
        room_id: str = "lounge",
        speaker: tuple[str, str] = ("ann", "Ann"),
        *,
        ago_s: float = 3,
        marks: Sequence[str] = (),
    ) -> TranscriptHeard:
        """Add a transcript without a match."""
        heard = self._heard(text, room_id, speaker, ago_s, marks=marks)
        self._do(lambda: self._alerts.commit(heard, []))
        return heard

    def alert(
        self,
        rule: str = "scam-gift-cards",
        room_id: str = "lounge",
        speaker: tuple[str, str] = ("mallory", "Mallory"),
        *,
        said: str | None = None,
        marked: str | None = None,
        severity: Severity | None = None,
        provisional: bool = False,
        ago_s: float = 1,
        also: Sequence[Match] = (),
        **match: Any,
    ) -> Alert:
        """Add a transcript that breaks a rule, and its alert; `marked` is the part that matched.

        `also` are rules that were hit beside it; `match` is what is otherwise in the match.
        """
        text = said or SAID[rule]
        heard = self._heard(text, room_id, speaker, ago_s, provisional=provisional)
        alert = _alert(heard, rule, marked or (MARKED[rule] if said is None else said), severity)
        alert = replace(alert, matches=[replace(each, **match) for each in alert.matches])
        hits = [a_hit(rule), *also]
        assert self._do(lambda: self._alerts.commit(heard, [AlertRaised(alert)], hits))
        return alert

    def hit(self, *hits: Match, ago_s: float = 1) -> None:
        """Rules that were hit without an alert."""
        heard = self._heard("hello", "lounge", ("ann", "Ann"), ago_s)
        self._do(lambda: self._alerts.commit(heard, [], hits))

    def decide(self, alert: Alert, outcome: Outcome) -> None:
        def decide(alert: Alert, history: Sequence[Step]) -> Decision:
            return Person("Ann Moderator", utc_now()).resolve(alert, history, outcome, "")

        self._do(lambda: self._alerts.decide(alert.id, decide))

    def alerts(self, number: int, room_id: str = "lounge", *, over_s: float = 3600) -> list[str]:
        """Add many past alerts at once, without events; return their ids, newest first."""
        rules = OFFENCES
        heard = [
            self._heard(f"{SAID[rule]}, {place}", room_id, ("mallory", "Mallory"), ago_s)
            for place in range(number)
            for rule in [rules[place % len(rules)]]
            for ago_s in [2 + over_s * place / number]
        ]
        found = [
            _alert(one, rules[place % len(rules)], MARKED[rules[place % len(rules)]], None)
            for place, one in enumerate(heard)
        ]

        async def write() -> None:
            async with self._database.write() as connection:
                talk = [{**asdict(one), "marks": list(one.marks)} for one in heard]
                await connection.execute(insert(tables.transcripts), talk)
                await connection.execute(insert(tables.alerts), list(map(_columns, found)))

        self._do(write)
        return [alert.id for alert in found]

    def burst(self, number: int, room_id: str = "lounge") -> list[Alert]:
        """Raise live alerts, all in one commit."""
        rules = OFFENCES
        found = []
        for place in range(number):
            rule = rules[place % len(rules)]
            heard = self._heard(SAID[rule], room_id, (f"guest-{place}", f"Guest {place}"), 1)
            found.append(_alert(heard, rule, MARKED[rule], None))

        async def write() -> None:
            async with self._database.write() as connection:
                for alert in found:
                    await connection.execute(insert(tables.alerts).values(_columns(alert)))
                    await append(connection, AlertRaised(alert), utc_now())

        self._do(write)
        return found

    def expire_actions(self) -> None:
        """Let the time of every pending action be over."""

        async def write() -> None:
            async with self._database.write() as connection:
                await connection.execute(update(tables.actions).values(expires_at=_ago(1)))

        self._do(write)

    def confirm(self, alert: Alert) -> Alert:
        """Confirm a provisional alert."""
        confirmed = replace(alert, provisional=False)
        self._change(AlertUpdated(confirmed), provisional=False)
        return confirmed

    def retract(self, alert: Alert) -> None:
        """Retract a provisional alert."""
        retracted = replace(alert, state=AlertState.RETRACTED)
        self._change(AlertRetracted(retracted), state=AlertState.RETRACTED)

    def repeat(self, alert: Alert, repeats: int) -> None:
        self._change(AlertUpdated(replace(alert, repeats=repeats)), repeats=repeats)

    def gap(
        self,
        seconds: float = 22,
        room_id: str = "lounge",
        speaker_id: str = "mallory",
        *,
        reason: str = "connection lost",
        ago_s: float = 30,
    ) -> None:
        gap = AudioGap(room_id, speaker_id, _ago(ago_s), _ago(ago_s - seconds), reason)
        self._do(lambda: self._hearing.gap(gap))

    def behind(self, seconds: float) -> None:
        """Report that transcription is this many seconds behind; 0: no longer behind."""
        pace = Pace.BEHIND if seconds else Pace.NORMAL

        async def write() -> None:
            async with self._database.write() as connection:
                await append(connection, OverloadChanged(pace, seconds, int(seconds)), utc_now())

        self._do(write)

    def forget_events(self) -> None:
        """Prune the event log, so that no page can resume from it."""

        async def forget() -> None:
            async with self._database.write() as connection:
                last = await connection.scalar(select(func.max(tables.events.c.id)))
                await connection.execute(delete(tables.events))
                await connection.execute(delete(tables.pruned))
                row = {"type": AlertRaised.type, "until": last or 0}
                await connection.execute(insert(tables.pruned).values(row))

        self._do(forget)

    def key(self, name: str, role: Role = Role.MODERATOR, *, life_s: float | None = None) -> str:
        """Make a key and return its secret; with a negative life it has expired already."""
        lifetime = None if life_s is None else timedelta(seconds=life_s)
        key, secret = make_key(name, role, utc_now(), lifetime=lifetime)
        self._do(lambda: self._keys.add(key, digest_of(secret)))
        return secret

    def revoke(self, secret: str) -> None:
        async def write() -> None:
            key = await self._keys.find(digest_of(secret))
            assert key is not None
            await self._keys.revoke(key.id, utc_now())

        self._do(write)

    def expire(self, secret: str) -> None:
        """Let the key expire now."""

        async def write() -> None:
            which = tables.keys.c.digest == digest_of(secret)
            async with self._database.write() as connection:
                await connection.execute(
                    update(tables.keys).where(which).values(expires_at=_ago(1))
                )

        self._do(write)

    def _change(self, event: AlertUpdated | AlertRetracted, **columns: Any) -> None:
        async def write() -> None:
            which = tables.alerts.c.id == event.alert.id
            async with self._database.write() as connection:
                await connection.execute(update(tables.alerts).where(which).values(columns))
                await append(connection, event, utc_now())

        self._do(write)

    def _heard(
        self,
        text: str,
        room_id: str,
        speaker: tuple[str, str],
        ago_s: float,
        *,
        marks: Sequence[str] = (),
        provisional: bool = False,
    ) -> TranscriptHeard:
        ended_at = _ago(ago_s)
        return TranscriptHeard(
            utterance_id=f"u{next(self._number)}-{ended_at:%H%M%S%f}",
            room_id=room_id,
            speaker_id=speaker[0],
            speaker_name=speaker[1],
            started_at=ended_at - timedelta(seconds=2),
            ended_at=ended_at,
            language="en",
            text=text,
            marks=tuple(marks),
            model="micro",
            provisional=provisional,
        )

    def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        return self._portal.call(work)


@contextmanager
def seeding(data: Path) -> Iterator[Seed]:
    """Open a writer to the database of the server with this data folder.

    It has a thread of its own: Playwright's synchronous interface occupies the main thread's loop.
    """
    with start_blocking_portal() as portal:
        database = Database(f"sqlite:///{data / 'earshot.db'}")
        try:
            yield Seed(portal, database)
        finally:
            portal.call(database.close)


def a_hit(rule: str, status: RuleStatus = RuleStatus.ACTIVE, **changes: Any) -> Match:
    """Return a match of a rule in the shipped pack, or of another rule."""
    severity, category = RULES.get(rule, (Severity.HIGH, "non_violent_crimes"))
    hit = Match(
        pack="demo",
        pack_version="1.0.0",
        rule_id=rule,
        severity=severity,
        category=category,
        spans=(),
        explanation="",
        rule_version="1.0.0",
        status=status,
    )
    return replace(hit, **changes)


def _alert(heard: TranscriptHeard, rule: str, marked: str, severity: Severity | None) -> Alert:
    usual, category = RULES.get(rule, (Severity.MEDIUM, "hate"))
    start = heard.text.index(marked)
    match = AlertMatch(
        pack="demo",
        pack_version="1.0.0",
        rule_id=rule,
        severity=severity or usual,
        category=category,
        spans=((start, start + len(marked)),),
        explanation=f"“{marked}” is one of the rule's phrases",
    )
    return Alert(
        id=f"al_{heard.utterance_id}",
        room_id=heard.room_id,
        speaker_id=heard.speaker_id,
        speaker_name=heard.speaker_name,
        utterance_id=heard.utterance_id,
        severity=match.severity,
        category=category,
        state=AlertState.OPEN,
        provisional=heard.provisional,
        repeats=0,
        raised_at=heard.ended_at + timedelta(milliseconds=400),
        speech_started_at=heard.started_at,
        speech_ended_at=heard.ended_at,
        excerpt=heard.text,
        matches=(match,),
        handling=Handling.HELP if rule == HELP else Handling.OFFENCE,
    )


def _columns(alert: Alert) -> dict[str, Any]:
    return {
        **{name: value for name, value in asdict(alert).items() if name in tables.alerts.c},
        "matches": [asdict(match) for match in alert.matches],
        "talk_from": alert.speech_started_at - TALK_AROUND,
        "talk_to": alert.speech_ended_at + TALK_AROUND,
    }


def _ago(seconds: float) -> datetime:
    return utc_now() - timedelta(seconds=seconds)
