from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

import pytest

from service.access.sealing import Seal
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.actions import CannotAct, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import Muted, RoomOver
from service.rooms.notice import Notice
from service.rooms.room import Room, RoomState
from service.rooms.room_actions import RoomActions
from service.rooms.room_change import RoomChange
from service.rooms.supervisor import Supervisor
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Audience, Away, Mutes, Rooms, SetClock, a_room

pytestmark = pytest.mark.anyio


@dataclass
class Session:
    """`service.rooms.connector.RoomSession` in a room that is heard at once."""

    connector: Connector
    room: Room
    muted: Muted
    over: asyncio.Future[RoomOver] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    async def run(self, report: Callable[[str], None]) -> NoReturn:
        self.connector.sessions[self.room.id] = self
        report("")
        try:
            raise await self.over
        finally:
            while self.connector.slow == self.room.id:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.001)
            del self.connector.sessions[self.room.id]

    async def act(self, action: RoomAction, speaker_id: str, words: str) -> str:
        if self.connector.refuses:
            raise CannotAct(self.connector.refuses)
        return f"{action} {speaker_id} {words}".strip()

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        self.connector.applied.append((action, person))

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        return speaker_id == "ann"

    async def record_mute(self, speaker_id: str, *, muted: bool) -> bool:
        return True

    def room_changed(self, room: Room) -> None:
        self.room = room


@dataclass
class Connector:
    """`service.rooms.connector.RoomConnector`.

    Attributes:
        sessions: Running sessions, by room id.
        slow: Id of a room whose session does not end yet.
        refuses: Reason for which actions are refused; empty: they are carried out.
        applied: Confirmed actions of which a session did earshot's part.
    """

    kind: str = "whip"
    opens_as: RoomState = RoomState.LISTENING
    sessions: dict[str, Session] = field(default_factory=dict)
    secrets: dict[str, Mapping[str, str]] = field(default_factory=dict)
    slow: str = ""
    refuses: str = ""
    applied: list[tuple[RoomAction, str]] = field(default_factory=list)

    @property
    def joined(self) -> list[str]:
        return list(self.sessions)

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> Session:
        self.secrets[room.id] = secrets
        return Session(self, room, muted)

    async def carrier(self, room: Room, action: RoomAction) -> Carrier | ImpossibleAction:
        if action is RoomAction.MUTE:
            return Carrier.CONNECTOR
        return ImpossibleAction(action, Obstacle.NOT_IN_THIS_ROOM, "It cannot be done here.")

    def person(self, speaker_id: str) -> str:
        return speaker_id.partition("=")[0]


@dataclass
class House:
    store: Rooms
    connector: Connector
    audience: Audience
    mutes: Mutes
    metrics: Metrics
    supervisor: Supervisor
    actions: RoomActions
    clock: SetClock

    async def open(
        self,
        room_id: str = "lobby",
        *,
        title: str = "Lobby",
        kind: str = "whip",
        secrets: Mapping[str, str] = {},
    ) -> tuple[Room, bool]:
        opened = await self.supervisor.open(
            room_id,
            title=title,
            connector={"kind": kind},
            secrets=secrets,
            languages=["en"],
            policies=[],
        )
        await asyncio.sleep(0)  # its task begins
        return opened

    def state(self, room_id: str = "lobby") -> RoomState:
        return self.store.rooms[room_id].state


@contextlib.asynccontextmanager
async def supervising(
    *rooms: Room,
    key: bytes = bytes(32),
    store: Rooms | None = None,
    muted: Collection[str] = (),
    kind: str = "whip",
) -> AsyncIterator[House]:
    store = store or Rooms({room.id: room for room in rooms})
    connector, audience, mutes, metrics = Connector(kind), Audience(), Mutes(set(muted)), Metrics()
    clock = SetClock()
    supervisor = Supervisor(
        store,
        mutes,
        [connector],
        audience,
        seal=Seal(key),
        notice=Notice("https://rooms.example/rules"),
        metrics=metrics,
        clock=clock,
    )
    running = asyncio.create_task(supervisor.run())
    await supervisor.started.wait()
    await asyncio.sleep(0)
    try:
        actions = RoomActions(store, supervisor)
        yield House(store, connector, audience, mutes, metrics, supervisor, actions, clock)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_room_is_put_on_record_and_joined() -> None:
    async with supervising() as house:
        room, new = await house.open()
        assert new
        assert house.store.rooms == {"lobby": room}
        assert (room.state, room.joined_at) == (RoomState.LISTENING, NOW)
        assert room.notice.startswith("Software listens to this room")
        assert room.notice.endswith("https://rooms.example/rules")
        assert house.connector.joined == ["lobby"]
        assert b'earshot_rooms{state="listening"} 1.0' in house.metrics.render()


async def test_the_same_call_again_changes_nothing() -> None:
    async with supervising() as house:
        first, _ = await house.open(secrets={"pin": "1234"})
        assert await house.open(secrets={"pin": "1234"}) == (first, False)
        assert house.connector.joined == ["lobby"]


async def test_many_calls_at_once_open_one_room() -> None:
    async with supervising() as house:
        made = await asyncio.gather(*(house.open() for _ in range(5)))
        assert sorted(new for _, new in made) == [False] * 4 + [True]
        assert house.connector.joined == ["lobby"]


@pytest.mark.parametrize("other", [{"title": "Another"}, {"secrets": {"pin": "9999"}}])
async def test_a_room_with_another_description_is_409(other: dict[str, str]) -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        with pytest.raises(Problem) as problem:
            await house.open(**{"secrets": {"pin": "1234"}, **other})  # type: ignore[arg-type]
        assert problem.value.status == 409
        assert "9999" not in str(problem.value)


async def test_an_unknown_kind_of_connector_is_422_and_names_those_known() -> None:
    async with supervising() as house:
        with pytest.raises(Problem, match="known: whip") as problem:
            await house.open(kind="telepathy")
        assert problem.value.status == 422
        assert house.store.rooms == {}


async def test_closing_leaves_the_room_before_it_is_ended() -> None:
    async with supervising() as house:
        await house.open()
        house.store.away = True
        with pytest.raises(Away):
            await house.supervisor.close("lobby")
        assert house.audience.rooms == [("left", "lobby", "the room was closed")]
        house.store.away = False
        await house.supervisor.close("lobby")
        assert house.connector.joined == []
        assert house.state() is RoomState.ENDED


async def test_a_room_whose_end_cannot_be_put_on_record_is_heard_on_and_can_be_closed_again() -> (
    None
):
    async with supervising() as house:
        await house.open()
        house.store.away = True
        with pytest.raises(Away):
            await house.supervisor.close("lobby")
        await asyncio.sleep(0)
        assert house.connector.joined == ["lobby"]
        house.store.away = False
        assert (await house.open())[1] is False
        await house.supervisor.close("lobby")
        assert house.connector.joined == []
        assert house.state() is RoomState.ENDED


async def test_a_closed_room_can_be_opened_again_with_another_description() -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        await house.supervisor.close("lobby")
        _, new = await house.open(title="Another")
        assert new
        assert house.connector.joined == ["lobby"]


async def test_closing_a_room_that_is_not_open_is_404() -> None:
    async with supervising(a_room("gone", state=RoomState.ENDED)) as house:
        for room_id in ("gone", "never"):
            with pytest.raises(Problem) as problem:
                await house.supervisor.close(room_id)
            assert problem.value.status == 404


async def test_a_room_that_is_slow_to_close_delays_no_other() -> None:
    async with supervising() as house:
        await house.open()
        house.connector.slow = "lobby"
        closing = asyncio.create_task(house.supervisor.close("lobby"))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await house.open("stage")
            await house.supervisor.close("stage")
        reopening = asyncio.create_task(house.open())
        await asyncio.sleep(0)
        assert not reopening.done()
        house.connector.slow = ""
        await closing
        assert (await reopening)[1]
        assert house.state() is RoomState.LISTENING


async def test_resuming_joins_every_room_that_had_not_ended() -> None:
    rooms = (a_room("one"), a_room("two"), a_room("gone", state=RoomState.ENDED))
    async with supervising(*rooms) as house:
        assert house.connector.joined == ["one", "two"]


async def test_a_room_whose_connector_is_gone_is_lost_and_stops_no_other() -> None:
    async with supervising(a_room("old", kind="telepathy"), a_room("lobby")) as house:
        assert house.connector.joined == ["lobby"]
        assert house.state("old") is RoomState.LOST
        await house.supervisor.close("old")
        assert house.state("old") is RoomState.ENDED


async def test_a_rooms_secrets_are_sealed_on_record_and_handed_to_its_connector() -> None:
    async with supervising() as house:
        await house.open(secrets={"pin": "1234"})
        assert "1234" not in house.store.secrets["lobby"]
        store = house.store
    async with supervising(store=store) as house:
        assert house.connector.secrets["lobby"] == {"pin": "1234"}
    async with supervising(store=store, key=bytes(31) + b"k") as house:
        assert house.connector.joined == []
        assert house.state() is RoomState.LOST
        assert "another key" in house.store.rooms["lobby"].reason


async def test_a_room_that_ends_at_its_server_is_ended_and_can_be_opened_again() -> None:
    async with supervising() as house:
        await house.open()
        house.connector.sessions["lobby"].over.set_result(RoomOver("the room was destroyed"))
        await until(lambda: house.state() is RoomState.ENDED)
        assert house.store.rooms["lobby"].reason == "the room was destroyed"
        assert house.audience.rooms == [("left", "lobby", "the room was destroyed")]
        with pytest.raises(CannotAct, match="not listened to"):
            await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert (await house.open())[1]


async def obstacles(house: House, room_id: str) -> list[Obstacle]:
    carriers = await house.actions.carriers(room_id)
    return [one.code for one in carriers.values() if isinstance(one, ImpossibleAction)]


async def test_nothing_is_possible_in_a_room_that_is_lost() -> None:
    async with supervising() as house:
        assert await obstacles(house, "nowhere") == [Obstacle.ROOM_ENDED] * 5
        house.store.rooms["lobby"] = a_room()
        assert await obstacles(house, "lobby") == [Obstacle.ROOM_LOST] * 5


async def test_actions_are_carried_out_in_the_room() -> None:
    async with supervising() as house:
        room, _ = await house.open()
        assert await obstacles(house, room.id) == [Obstacle.NOT_IN_THIS_ROOM] * 4
        done = await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert done == "mute_speaker ann"
        assert await house.supervisor.dismiss("lobby", "ann", "told to")
        assert not await house.supervisor.dismiss("lobby", "bob", "told to")
        assert not await house.supervisor.dismiss("stage", "ann", "told to")
        await house.supervisor.close("lobby")
        assert await obstacles(house, "lobby") == [Obstacle.ROOM_ENDED] * 5


async def test_a_session_knows_the_persons_whom_moderators_muted() -> None:
    async with supervising(a_room(), muted=["bob"]) as house:
        muted = house.connector.sessions["lobby"].muted
        assert ("bob" in muted, "ann" in muted) == (True, False)
        await house.actions.act("lobby", RoomAction.MUTE, "ann", "")
        assert "ann" not in muted, "until it is on record"
        house.actions.set_muted("lobby", "ann", muted=True)
        await house.actions.act("lobby", RoomAction.UNMUTE, "bob", "")
        assert ("bob" in muted, "ann" in muted) == (False, True)
        house.connector.refuses = "wrong secret"
        for action, speaker in ((RoomAction.UNMUTE, "ann"), (RoomAction.MUTE, "bob")):
            with pytest.raises(CannotAct, match="wrong secret"):
                await house.actions.act("lobby", action, speaker, "")
        assert ("bob" in muted, "ann" in muted) == (False, True), "as it was before"
        await muted.lifted("ann")
        assert "ann" not in muted


async def test_earshot_does_its_part_of_a_confirmed_action() -> None:
    async with supervising() as house:
        await house.open()
        await house.actions.apply_confirmed("lobby", RoomAction.REMOVE, "ann")
        assert house.connector.applied == [(RoomAction.REMOVE, "ann")]
        await house.actions.apply_confirmed("lobby", RoomAction.END, "ann")
        assert house.state() is RoomState.ENDED
        assert house.store.rooms["lobby"].reason == "ended by a moderator"
        assert house.audience.rooms == [("left", "lobby", "ended by a moderator")]
        for action in (RoomAction.END, RoomAction.MUTE):
            await house.actions.apply_confirmed("lobby", action, "ann")
        house.actions.set_muted("lobby", "ann", muted=True)


async def test_a_room_on_record_without_a_keeper_gets_one_when_it_is_requested() -> None:
    async with supervising() as house:
        house.store.rooms["lobby"] = a_room()
        assert (await house.open())[1] is False
        assert house.connector.joined == ["lobby"]


async def test_a_request_for_a_room_that_is_ending_opens_it_again() -> None:
    async with supervising() as house:
        await house.open()
        house.audience.leaving.clear()
        house.connector.sessions["lobby"].over.set_result(RoomOver("the room was destroyed"))
        await until(lambda: house.supervisor.open_rooms.ending("lobby"))
        opening = asyncio.create_task(house.open(title="Another"))
        await asyncio.sleep(0.02)
        assert not opening.done()
        house.audience.leaving.set()
        assert (await opening)[1]
        assert house.connector.joined == ["lobby"]
        assert house.state() is RoomState.LISTENING


async def test_a_speaker_id_is_mapped_to_the_person_whom_actions_concern() -> None:
    async with supervising(a_room()) as house:
        assert house.actions.person("lobby", "ann=f2") == "ann"
        assert house.actions.person("nowhere", "ann=f2") == "ann=f2"


async def test_failing_work_stops_no_room_and_no_work_begins_after_the_stop() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async with supervising(a_room()) as house:
        await house.supervisor.open_rooms.spawn(fail, "work")
        assert house.connector.joined == ["lobby"]
    with pytest.raises(Problem, match="stopping"):
        house.supervisor.open_rooms.spawn(fail, "work")


async def test_stopping_leaves_rooms_open_on_record() -> None:
    async with supervising() as house:
        await house.open()
    assert house.connector.joined == []
    assert house.state() is RoomState.LISTENING
    assert house.audience.rooms == []


async def test_a_change_is_on_record_and_reaches_session_and_speakers() -> None:
    async with supervising() as house:
        await house.open()
        session = house.connector.sessions["lobby"]
        before, after = await house.supervisor.change("lobby", RoomChange(title="Late", tags=["a"]))
        assert (before.title, after.title, after.tags) == ("Lobby", "Late", ["a"])
        assert house.store.rooms["lobby"] == session.room == after
        assert house.audience.rooms == [("changed", "lobby")]
        assert house.supervisor.open_rooms.rooms() == [after]


async def test_a_pause_is_the_rooms_state_until_listening_goes_on() -> None:
    async with supervising() as house:
        await house.open()
        _, paused = await house.supervisor.change("lobby", RoomChange(listening=False))
        assert (paused.state, paused.paused_at) == (RoomState.PAUSED, NOW)
        assert paused.notice.startswith("Software does not listen")
        await asyncio.sleep(0)
        assert house.state() is RoomState.PAUSED
        _, resumed = await house.supervisor.change("lobby", RoomChange(listening=True))
        assert (resumed.state, resumed.paused_at) == (RoomState.LISTENING, None)
        assert resumed.notice.startswith("Software listens")


async def test_a_paused_room_is_paused_after_a_restart() -> None:
    paused = replace(a_room(), state=RoomState.PAUSED, listening=False, paused_at=NOW)
    async with supervising(paused) as house:
        await until(lambda: house.connector.joined == ["lobby"])
        await asyncio.sleep(0)
        assert house.state() is RoomState.PAUSED


async def test_both_descriptions_of_a_changed_room_are_the_same_room() -> None:
    async with supervising() as house:
        await house.open()
        await house.supervisor.change("lobby", RoomChange(title="Late"))
        for title in ("Lobby", "Late"):
            room, new = await house.open(title=title)
            assert (room.title, new) == ("Late", False)
        with pytest.raises(Problem, match="Room differs"):
            await house.open(title="Neither")


async def test_a_room_that_has_ended_is_not_changed() -> None:
    async with supervising() as house:
        await house.open()
        await house.supervisor.close("lobby")
        with pytest.raises(Problem, match="Room ended"):
            await house.supervisor.change("lobby", RoomChange(title="Late"))


async def test_the_room_servers_mute_ends_when_the_speaker_leaves() -> None:
    async with supervising(muted=["bob"]) as house:
        await house.open()
        assert await house.supervisor.record_mute("lobby", "ann", muted=True)
        await house.connector.sessions["lobby"].muted.muted_by_room("ann")
        assert house.mutes.ids == {"ann", "bob"}
        assert await house.supervisor.record_departure("lobby", "ann")
        assert not await house.supervisor.record_departure("lobby", "bob"), "a moderator muted them"
        assert house.mutes.ids == {"bob"}
        assert not await house.supervisor.record_mute("nowhere", "ann", muted=True)
