from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from service.errors import Problem
from service.rooms.room import Room, RoomState
from service.rooms.supervisor import Supervisor
from tests.rooms.fakes import NOW, Away, Rooms, SetClock, a_room

pytestmark = pytest.mark.anyio


@dataclass
class Way:
    """`service.rooms.connector.RoomConnector`. `slow` names a room that nobody may leave yet."""

    kind: str = "whip"
    joined: list[str] = field(default_factory=list)
    slow: str = ""
    store: Rooms | None = None

    async def join(self, room: Room) -> None:
        self.joined.append(room.id)

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        return False

    async def leave(self, room_id: str, reason: str) -> None:
        while self.slow == room_id:  # noqa: ASYNC110 - until the test lets go
            await asyncio.sleep(0)
        if self.store is not None:
            assert self.store.rooms[room_id].state is RoomState.LISTENING, "ended afterwards"
        self.joined.remove(room_id)


def supervising(*rooms: Room) -> tuple[Supervisor, Way, Rooms]:
    store = Rooms({room.id: room for room in rooms})
    way = Way(store=store)
    return Supervisor(store, [way], clock=SetClock()), way, store


async def open_(
    supervisor: Supervisor, room_id: str = "lobby", *, title: str = "Lobby", kind: str = "whip"
) -> tuple[Room, bool]:
    return await supervisor.open(
        room_id, title=title, connector={"kind": kind}, languages=["en"], policies=[]
    )


async def test_a_room_is_put_on_record_and_joined() -> None:
    supervisor, way, store = supervising()
    room, new = await open_(supervisor)
    assert new
    assert store.rooms == {"lobby": room}
    assert (room.state, room.joined_at) == (RoomState.LISTENING, NOW)
    assert way.joined == ["lobby"]


async def test_the_same_call_again_changes_nothing() -> None:
    supervisor, way, _ = supervising()
    first, _ = await open_(supervisor)
    assert await open_(supervisor) == (first, False)
    assert way.joined == ["lobby"]


async def test_many_calls_at_once_open_one_room() -> None:
    supervisor, way, _ = supervising()
    made = await asyncio.gather(*(open_(supervisor) for _ in range(5)))
    assert sorted(new for _, new in made) == [False] * 4 + [True]
    assert way.joined == ["lobby"]


async def test_a_room_described_otherwise_is_409() -> None:
    supervisor, _, _ = supervising()
    await open_(supervisor)
    with pytest.raises(Problem) as problem:
        await open_(supervisor, title="Another")
    assert problem.value.status == 409


async def test_an_unknown_kind_of_connector_is_422_and_names_those_known() -> None:
    supervisor, _, store = supervising()
    with pytest.raises(Problem, match="known: whip") as problem:
        await open_(supervisor, kind="telepathy")
    assert problem.value.status == 422
    assert store.rooms == {}


async def test_closing_leaves_the_room_before_it_is_ended() -> None:
    supervisor, way, store = supervising()
    await open_(supervisor)
    await supervisor.close("lobby")
    assert way.joined == []
    assert store.rooms["lobby"].state is RoomState.ENDED


async def test_a_room_whose_end_cannot_be_put_on_record_is_heard_on_and_can_be_closed_again() -> (
    None
):
    supervisor, way, store = supervising()
    await open_(supervisor)
    store.away = True
    with pytest.raises(Away):
        await supervisor.close("lobby")
    assert way.joined == ["lobby"]
    store.away = False
    assert (await open_(supervisor))[1] is False
    await supervisor.close("lobby")
    assert way.joined == []
    assert store.rooms["lobby"].state is RoomState.ENDED


async def test_a_closed_room_can_be_opened_anew_and_otherwise() -> None:
    supervisor, way, _ = supervising()
    await open_(supervisor)
    await supervisor.close("lobby")
    _, new = await open_(supervisor, title="Another")
    assert new
    assert way.joined == ["lobby"]


async def test_closing_what_is_not_open_is_404() -> None:
    supervisor, _, _ = supervising(a_room("gone", state=RoomState.ENDED))
    for room_id in ("gone", "never"):
        with pytest.raises(Problem) as problem:
            await supervisor.close(room_id)
        assert problem.value.status == 404


async def test_a_room_that_is_slow_to_close_holds_up_no_other() -> None:
    supervisor, way, store = supervising()
    await open_(supervisor)
    way.slow = "lobby"
    closing = asyncio.create_task(supervisor.close("lobby"))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await open_(supervisor, "stage")
        await supervisor.close("stage")
    reopening = asyncio.create_task(open_(supervisor))
    await asyncio.sleep(0)
    assert not reopening.done()
    way.slow = ""
    await closing
    assert (await reopening)[1]
    assert store.rooms["lobby"].state is RoomState.LISTENING


async def test_resuming_joins_every_room_that_had_not_ended() -> None:
    supervisor, way, _ = supervising(
        a_room("one"), a_room("two"), a_room("gone", state=RoomState.ENDED)
    )
    assert await supervisor.resume() == 2
    assert way.joined == ["one", "two"]


async def test_a_room_whose_connector_is_gone_is_lost_and_stops_no_other() -> None:
    supervisor, way, _ = supervising(a_room("old", kind="telepathy"), a_room("lobby"))
    assert await supervisor.resume() == 1
    assert way.joined == ["lobby"]
    assert (await supervisor.find("old")).state is RoomState.LOST
    await supervisor.close("old")
    assert (await supervisor.find("old")).state is RoomState.ENDED
