from __future__ import annotations

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.attempts import Attempts
from service.access.audit import Entry
from service.access.authenticate import Door
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.connector import RoomOver
from service.rooms.janus.hook import JanusHook, JanusHookOutcome
from service.rooms.janus.server import parse_servers
from service.rooms.new_room import ID_PATTERN
from service.rooms.opening_policy import Wanted
from service.rooms.room import RoomState
from tests.rooms.calls import until
from tests.rooms.fakes import SetClock
from tests.rooms.supervising import House, supervising

pytestmark = pytest.mark.anyio

SECRET = "a hook's own secret"


@dataclass
class Audit:
    """`service.access.ports.AuditStore` in memory."""

    entries: list[Entry] = field(default_factory=list)

    async def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def page(
        self, who: str | None, subject: str | None, *, limit: int, cursor: str | None = None
    ) -> tuple[list[Entry], str | None]:
        return self.entries, None


@dataclass
class Called:
    hook: JanusHook
    house: House
    audit: Audit
    clock: SetClock
    door: Door

    async def send(self, *events: Any) -> JanusHookOutcome:
        return await self.hook.receive(json.dumps(events).encode())

    @property
    def open(self) -> list[str]:
        return [room.id for room in self.house.supervisor.open_rooms.rooms()]


@contextlib.asynccontextmanager
async def hooked(
    *servers: str,
    listen_to: tuple[str, ...] = ("janus:*",),
    secret: str | None = SECRET,
    grace_s: float = 0.01,
) -> AsyncIterator[Called]:
    audit, clock = Audit(), SetClock()
    async with supervising(kind="janus") as house:
        hook = JanusHook(
            secret,
            parse_servers(servers or ("ws://127.0.0.1:8188",)),
            house.supervisor,
            Wanted(listen_to),
            audit=audit,
            metrics=Metrics(),
            clock=clock,
            grace_s=grace_s,
        )
        yield Called(hook, house, audit, clock, Door(Attempts(), "192.0.2.1"))


def event(what: object, room: object = "lounge", emitter: str = "janus") -> dict[str, Any]:
    data = {"event": what, "room": room, "id": "ann"}
    inner = {"plugin": "janus.plugin.videoroom", "data": data}
    return {"emitter": emitter, "type": 64, "timestamp": 1, "event": inner}


@pytest.mark.parametrize("what", ["created", "joined", "published"])
async def test_a_room_that_begins_is_opened_once_and_on_record(what: str) -> None:
    async with hooked() as called:
        assert await called.send(event(what), event(what)) == JanusHookOutcome(
            opened=1, passed_over=1
        )
        await asyncio.sleep(0)
        assert await called.send(event("published")) == JanusHookOutcome(passed_over=1)
        (room,) = called.house.supervisor.open_rooms.rooms()
        assert room.id == "janus:lounge"
        assert room.connector == {"kind": "janus", "server": "janus", "room": "lounge"}
        (entry,) = called.audit.entries
        assert (entry.who, entry.action, entry.subject) == (
            "janus server janus",
            "room.opened",
            "janus:lounge",
        )


async def test_a_room_that_is_destroyed_is_closed() -> None:
    async with hooked() as called:
        await called.send(event("joined"))
        assert await called.send(event("destroyed")) == JanusHookOutcome(ended=1)
        assert await called.send(event("destroyed")) == JanusHookOutcome(passed_over=1)
        await until(lambda: called.house.state("janus:lounge") is RoomState.ENDED)
        reason = called.house.store.rooms["janus:lounge"].reason
        assert reason == "the room was destroyed at Janus"
        await until(lambda: len(called.audit.entries) == 2)
        assert await called.send(event("destroyed")) == JanusHookOutcome(passed_over=1)


async def test_a_room_that_ends_by_itself_meanwhile_is_not_closed_as_well() -> None:
    async with hooked(grace_s=0.1) as called:
        await called.send(event("joined"))
        await asyncio.sleep(0)
        assert await called.send(event("destroyed")) == JanusHookOutcome(ended=1)
        called.house.connector.sessions["janus:lounge"].over.set_result(RoomOver("it has ended"))
        await asyncio.sleep(0.15)
        assert called.house.store.rooms["janus:lounge"].reason == "it has ended"
        assert [entry.action for entry in called.audit.entries] == ["room.opened"]


async def test_a_room_that_is_created_again_at_once_stays_open() -> None:
    async with hooked(grace_s=0.05) as called:
        await called.send(event("joined"))
        await called.send(event("destroyed"))
        await called.send(event("created"))
        await asyncio.sleep(0.1)
        assert called.open == ["janus:lounge"]
        await called.send(event("destroyed"), event("created"), event("joined"))
        await called.send(event("created"), event("destroyed"))
        await until(lambda: called.open == [])


async def test_the_end_of_a_room_does_not_end_the_next_one_of_its_name() -> None:
    async with hooked(grace_s=0.1) as called:
        await called.send(event("joined"))
        await asyncio.sleep(0)
        await called.send(event("destroyed"))
        called.house.connector.sessions["janus:lounge"].over.set_result(RoomOver("it has ended"))
        await until(lambda: called.open == [])
        called.house.clock.now += timedelta(seconds=1)
        assert await called.send(event("created")) == JanusHookOutcome(opened=1)
        await asyncio.sleep(0.15)
        assert called.open == ["janus:lounge"]
        assert await called.send(event("destroyed")) == JanusHookOutcome(ended=1)
        await until(lambda: called.open == [])


async def test_a_room_that_is_still_ending_is_reopened_and_janus_does_not_wait() -> None:
    async with hooked() as called:
        await called.send(event("joined"))
        await asyncio.sleep(0)
        called.house.audience.leaving.clear()
        called.house.connector.sessions["janus:lounge"].over.set_result(RoomOver("it has ended"))
        await until(lambda: called.house.supervisor.open_rooms.ending("janus:lounge"))
        async with asyncio.timeout(30):
            assert await called.send(event("created")) == JanusHookOutcome(opened=1)
        called.house.audience.leaving.set()
        await until(lambda: called.house.connector.joined == ["janus:lounge"])
        await until(lambda: called.house.state("janus:lounge") is RoomState.LISTENING)


async def test_a_room_that_is_destroyed_before_it_is_reopened_is_closed() -> None:
    async with hooked() as called:
        await called.send(event("joined"))
        await asyncio.sleep(0)
        called.house.audience.leaving.clear()
        called.house.connector.sessions["janus:lounge"].over.set_result(RoomOver("it has ended"))
        await until(lambda: called.house.supervisor.open_rooms.ending("janus:lounge"))
        assert await called.send(event("created")) == JanusHookOutcome(opened=1)
        assert await called.send(event("joined")) == JanusHookOutcome(passed_over=1)
        assert await called.send(event("destroyed")) == JanusHookOutcome(ended=1)
        called.house.audience.leaving.set()
        reason = "the room was destroyed at Janus"
        await until(lambda: called.house.store.rooms["janus:lounge"].reason == reason)
        assert called.house.state("janus:lounge") is RoomState.ENDED
        assert called.open == []


async def test_a_room_that_is_created_again_while_it_is_reopened_stays_open() -> None:
    async with hooked() as called:
        await called.send(event("joined"))
        await asyncio.sleep(0)
        called.house.audience.leaving.clear()
        called.house.connector.sessions["janus:lounge"].over.set_result(RoomOver("it has ended"))
        await until(lambda: called.house.supervisor.open_rooms.ending("janus:lounge"))
        recording = asyncio.Event()
        add = called.audit.add

        async def slow(entry: Entry) -> None:
            await recording.wait()
            await add(entry)

        called.audit.add = slow  # type: ignore[method-assign]
        await called.send(event("created"))
        await called.send(event("destroyed"))
        called.house.audience.leaving.set()
        await until(lambda: called.open == ["janus:lounge"])
        await called.send(event("created"))
        recording.set()
        await asyncio.sleep(0.1)
        assert called.open == ["janus:lounge"]


async def test_names_of_rooms_become_ids_and_odd_ones_are_skipped() -> None:
    async with hooked(listen_to=("janus:late night*", "janus:x*")) as called:
        long = "x" * 200
        for name in ("late night, 9 pm", long):
            assert await called.send(event("joined", name)) == JanusHookOutcome(opened=1)
        for name in ("late night\u0007", "late night\ud800", "late night\u202e", "x" * 201):
            assert await called.send(event("joined", name)) == JanusHookOutcome(passed_over=1)
        first, second = called.open
        assert first == "janus:late=20night=2C=209=20pm"
        assert second.startswith("janus:x")
        assert all(re.match(ID_PATTERN, id_) for id_ in called.open)


async def test_the_number_of_rooms_that_events_open_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.rooms.janus.hook._MOST_ROOMS", 3)
    async with hooked() as called:
        done = await called.send(*(event("joined", f"room {number}") for number in range(5)))
        assert done == JanusHookOutcome(opened=3, passed_over=2)


async def test_the_operators_filter_decides() -> None:
    async with hooked(listen_to=("janus:stage", "janus:7")) as called:
        await called.send(event("joined"), event("joined", "stage"), event("joined", 7))
        assert called.open == ["janus:stage", "janus:7"]
    async with hooked(listen_to=()) as called:
        assert await called.send(event("joined")) == JanusHookOutcome(passed_over=1)


async def test_a_room_that_is_open_already_is_not_opened_twice() -> None:
    async with hooked() as called:
        await called.house.supervisor.open(
            "mine",
            title="Mine",
            connector={"kind": "janus", "room": "lounge"},
            secrets={},
            languages=[],
            policies=[],
        )
        assert await called.send(event("published")) == JanusHookOutcome(passed_over=1)
        assert called.open == ["mine"]
        assert await called.send(event("destroyed")) == JanusHookOutcome(ended=1)


async def test_the_emitter_names_one_of_several_servers() -> None:
    servers = ("west=ws://192.0.2.7:8188", "east=ws://192.0.2.8:8188")
    async with hooked(*servers, listen_to=("*",)) as called:
        await called.send(
            event("joined", emitter="east"), event("joined", emitter="west"), event("joined")
        )
        assert called.open == ["east:lounge", "west:lounge"]


@pytest.mark.parametrize(
    "other",
    [
        event("leaving"),
        event("talking"),
        event(["joined"]),
        event(None),
        event("joined", room=True),
        event("joined", room=0),
        event("joined", room={"id": 7}),
        {**event("joined"), "type": 32},
        {**event("joined"), "event": {"plugin": "janus.plugin.sip", "data": {}}},
        {**event("joined"), "event": ["joined"]},
        {},
    ],
)
async def test_events_about_other_things_are_skipped(other: dict[str, Any]) -> None:
    async with hooked() as called:
        assert await called.send(other) == JanusHookOutcome(passed_over=1)
        assert called.open == []


@pytest.mark.parametrize("body", [b"", b"rubbish", b"7", b'"text"', b"[7]", b"\xff", b"[" * 9999])
async def test_a_body_without_events_is_422(body: bytes) -> None:
    async with hooked() as called:
        with pytest.raises(Problem) as problem:
            await called.hook.receive(body)
        assert problem.value.status == 422


async def test_a_single_event_works_like_a_list() -> None:
    async with hooked() as called:
        assert await called.hook.receive(json.dumps(event("joined")).encode()) == JanusHookOutcome(
            opened=1
        )


def basic(password: str) -> str:
    return "Basic " + b64encode(f"janus:{password}".encode()).decode()


async def test_the_secret_comes_as_a_password_or_as_a_token() -> None:
    async with hooked() as called:
        for right in (basic(SECRET), f"Bearer {SECRET}"):
            called.hook.check(right, called.door)
        for wrong in (None, "", basic("wrong"), "Bearer wrong", "Basic §", "Basic YQ=="):
            with pytest.raises(Problem) as problem:
                called.hook.check(wrong, called.door)
            assert problem.value.status == 401
            assert SECRET not in str(problem.value)


async def test_a_client_that_guesses_must_wait_while_janus_need_not() -> None:
    async with hooked() as called:
        called.hook.check(basic(SECRET), called.door)
        statuses = []
        for number in range(30):
            with pytest.raises(Problem) as problem:
                called.hook.check(basic(f"guess {number}"), called.door)
            statuses.append(problem.value.status)
        assert statuses == [401] * 20 + [429] * 10
        called.hook.check(basic(SECRET), called.door)
        called.clock.now += timedelta(minutes=2)
        with pytest.raises(Problem, match="401|Not from Janus"):
            called.hook.check(basic("guess"), called.door)


async def test_without_a_configured_secret_every_call_is_refused() -> None:
    async with hooked(secret=None) as called:
        for given in (None, basic(""), "Bearer "):
            with pytest.raises(Problem, match="has none set"):
                called.hook.check(given, called.door)


@given(st.text(max_size=60))
def test_any_authorization_header_is_right_or_refused(header: str) -> None:
    door = Door(Attempts(), "192.0.2.1")
    hook = JanusHook(
        SECRET,
        {},
        None,  # type: ignore[arg-type]
        Wanted([]),
        audit=Audit(),
        metrics=Metrics(),
        clock=SetClock(),
    )
    with pytest.raises(Problem):
        hook.check(header, door)
