from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import RoomLost, RoomOver, RoomRefused
from service.rooms.keeper import Keeper
from service.rooms.muted import MutedSpeakers
from service.rooms.rejoin_backoff import BackOff, Patience
from service.rooms.room import Room, RoomState
from tests.rooms.calls import until
from tests.rooms.fakes import Audience, Mutes, Rooms, a_room

pytestmark = pytest.mark.anyio


@dataclass
class Sessions:
    """Makes the sessions of one room, one after the other; the test ends them."""

    made: list[Session] = field(default_factory=list)

    def __call__(self) -> Session:
        self.made.append(Session())
        return self.made[-1]

    @property
    def last(self) -> Session:
        return self.made[-1]


@dataclass
class Session:
    """`service.rooms.connector.RoomSession`."""

    report: Callable[[str], None] = lambda missing: None
    room: Room | None = None
    ended: asyncio.Future[Exception] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def end(self, error: Exception) -> None:
        self.ended.set_result(error)

    async def run(self, report: Callable[[str], None]) -> NoReturn:
        self.report = report
        raise await self.ended

    async def act(self, action: RoomAction, speaker_id: str, words: str) -> str:
        return "done"

    async def apply_confirmed(self, action: RoomAction, person: str) -> None: ...

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        return True

    async def record_mute(self, speaker_id: str, *, muted: bool) -> bool:
        return True

    def room_changed(self, room: Room) -> None:
        self.room = room


@dataclass
class House:
    keeper: Keeper
    sessions: Sessions
    store: Rooms
    audience: Audience
    task: asyncio.Task[None]

    @property
    def recorded(self) -> tuple[RoomState, str]:
        room = self.store.rooms["lobby"]
        return room.state, room.reason

    async def until(self, state: RoomState, reason: str) -> None:
        await until(lambda: self.recorded == (state, reason))


@contextlib.asynccontextmanager
async def keeping(
    spread: float = 0.01, room: Room | None = None, back_off: BackOff | None = None
) -> AsyncIterator[House]:
    sessions, audience = Sessions(), Audience()
    store = Rooms({"lobby": room or a_room(state=RoomState.JOINING)})
    keeper = Keeper(
        store.rooms["lobby"],
        sessions,
        MutedSpeakers("lobby", (), Mutes()),
        opens_as=RoomState.JOINING,
        audience=audience,
        store=store,
        metrics=Metrics(),
        back_off=back_off or BackOff(lambda least, most: spread),
    )
    task = asyncio.create_task(keeper.run())
    await until(lambda: bool(sessions.made))
    await asyncio.sleep(0)
    try:
        yield House(keeper, sessions, store, audience, task)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_state_of_a_room_is_recorded_with_its_reason() -> None:
    async with keeping() as house:
        assert house.recorded == (RoomState.JOINING, "")
        house.sessions.last.report("")
        await house.until(RoomState.LISTENING, "")
        house.sessions.last.report("bob sends pcmu")
        await house.until(RoomState.DEGRADED, "bob sends pcmu")
        house.sessions.last.report("")
        await house.until(RoomState.LISTENING, "")


async def test_a_room_that_was_heard_before_a_restart_is_joining_again() -> None:
    async with keeping(room=a_room()) as house:
        await house.until(RoomState.JOINING, "")


async def test_a_lost_room_is_joined_again_and_its_speakers_wait() -> None:
    async with keeping(spread=0.2) as house:
        house.sessions.last.report("")
        house.sessions.last.end(RoomLost("the connection was closed"))
        await house.until(RoomState.LOST, "the connection was closed")
        assert house.audience.rooms == [("lost", "lobby")]
        await until(lambda: len(house.sessions.made) == 2)
        assert house.recorded[0] is RoomState.LOST, "until it is heard"
        house.sessions.last.report("")
        await house.until(RoomState.LISTENING, "")


async def test_a_room_that_has_ended_is_left_and_not_joined_again() -> None:
    async with keeping() as house:
        house.sessions.last.report("")
        house.sessions.last.end(ExceptionGroup("", [RoomLost("x"), RoomOver("it was destroyed")]))
        await house.until(RoomState.ENDED, "it was destroyed")
        await house.task
        assert house.audience.rooms == [("left", "lobby", "it was destroyed")]
        assert len(house.sessions.made) == 1


async def test_an_unexpected_error_loses_the_room_and_not_the_keeper() -> None:
    async with keeping() as house:
        house.sessions.last.end(ExceptionGroup("", [RoomLost("x"), ZeroDivisionError()]))
        await until(lambda: len(house.sessions.made) == 2)
        assert "unexpected error" in house.recorded[1]


async def test_a_room_that_is_requested_again_is_joined_at_once() -> None:
    async with keeping(spread=1000.0) as house:
        house.sessions.last.end(RoomRefused("no such room"))
        await house.until(RoomState.LOST, "no such room")
        assert len(house.sessions.made) == 1
        house.keeper.retry()
        await until(lambda: len(house.sessions.made) == 2)


class Impatient(BackOff):
    """Gives up at the second failure in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    def next(self, patience: Patience) -> float | None:
        self.failures += 1
        return 0.0 if self.failures == 1 else None

    def reset(self) -> None:
        self.failures = 0


async def test_a_room_that_is_given_up_says_so_and_can_be_requested_again() -> None:
    async with keeping(back_off=Impatient()) as house:
        for count in (1, 2):
            assert len(house.sessions.made) == count
            house.sessions.last.end(RoomRefused("wrong PIN"))
            await until(lambda: len(house.sessions.made) == 2)
        given_up = "wrong PIN; given up: POST the room again to try once more"
        await house.until(RoomState.LOST, given_up)
        await asyncio.sleep(0.05)
        assert len(house.sessions.made) == 2
        house.keeper.retry()
        await until(lambda: len(house.sessions.made) == 3)


@pytest.mark.parametrize("heard", [True, False])
async def test_only_a_successful_session_starts_the_waits_over(
    heard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.rooms.keeper._PROVED_S", 0.0)
    waits = Impatient()
    async with keeping(back_off=waits) as house:
        for count in (1, 2):
            if heard:
                house.sessions.last.report("")
            house.sessions.last.end(RoomLost("the connection was closed"))
            await until(lambda: waits.failures == (1 if heard else count))  # noqa: B023
            await asyncio.sleep(0.02)
        assert len(house.sessions.made) == (3 if heard else 2)


async def test_while_the_store_is_away_hearing_goes_on_and_the_latest_state_is_recorded() -> None:
    async with keeping() as house:
        house.store.away = True
        house.sessions.last.report("")
        await asyncio.sleep(0.05)
        house.sessions.last.report("one speaker less")
        house.store.away = False
        await house.until(RoomState.DEGRADED, "one speaker less")


async def test_an_action_waits_for_a_room_that_is_being_joined() -> None:
    async with keeping() as house:
        acting = asyncio.create_task(house.keeper.act(RoomAction.REMOVE, "ann", ""))
        await asyncio.sleep(0.01)
        assert not acting.done()
        house.sessions.last.report("")
        assert await acting == "done"


async def test_stopping_ends_the_session_without_a_report() -> None:
    async with keeping() as house:
        house.sessions.last.report("")
        await house.until(RoomState.LISTENING, "")
    assert house.task.cancelled()
    assert house.audience.rooms == []
    with pytest.raises(CannotAct):
        async with asyncio.timeout(15):
            await house.keeper.act(RoomAction.REMOVE, "ann", "")
