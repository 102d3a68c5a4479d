"""A supervisor with a fake connector and stores, as tests of rooms use it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from service.access.sealing import Seal
from service.metrics import Metrics
from service.rooms.actions import CannotAct, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import Muted, RoomOver
from service.rooms.notice import Notice
from service.rooms.room import Room, RoomState
from service.rooms.room_actions import RoomActions
from service.rooms.supervisor import Supervisor
from tests.rooms.fakes import Audience, Mutes, Rooms, SetClock


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
