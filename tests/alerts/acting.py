"""An action runner on a real store, and rooms that a test commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from service.alerts.action import ActionState, ModeratorAction
from service.alerts.action_runner import ActionRunner
from service.alerts.alert import AlertRaised
from service.errors import StoreAway
from service.metrics import Metrics
from service.rooms.actions import RoomAction
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.rooms import SqlRooms
from tests.rooms.calls import SOON_S
from tests.storage.examples import SetClock, a_room, a_transcript, an_alert


@dataclass
class Rooms:
    """Rooms in which actions are done once `open` is set; `error`, if set, is raised instead.

    Attributes:
        done: Actions that the connector carried out, with their persons.
        applied: Confirmed actions of which the room did earshot's part.
        muted: Persons who are muted now.
        away: Applications that fail before one succeeds.
    """

    done: list[tuple[str, str]] = field(default_factory=list)
    applied: list[tuple[str, str]] = field(default_factory=list)
    muted: set[str] = field(default_factory=set)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    away: int = 0

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.done.append((action, person))
        return "so it is"

    def set_muted(self, room_id: str, person: str, *, muted: bool) -> None:
        (self.muted.add if muted else self.muted.discard)(person)

    async def apply_confirmed(
        self, room_id: str, action: RoomAction, person: str, requested_at: datetime
    ) -> None:
        self.away -= 1
        if self.away >= 0:
            raise StoreAway("away")
        if self.error is not None:
            raise self.error
        self.applied.append((action, person))


@dataclass
class House:
    """A runner under way, with a room and an alert on record."""

    database: Database
    clock: SetClock
    store: SqlActions
    rooms: Rooms
    runner: ActionRunner
    metrics: Metrics

    async def over(self, id_: str = "ac_1") -> ModeratorAction:
        """Wait until the action is over."""
        async with asyncio.timeout(SOON_S):
            while True:
                action = await self.store.get(id_)
                if action is not None and action.state is not ActionState.PENDING:
                    return action
                await asyncio.sleep(0.01)

    async def action(self, id_: str = "ac_1") -> ModeratorAction:
        action = await self.store.get(id_)
        assert action is not None
        return action

    async def events(self) -> list[str]:
        return [
            event.type
            for event in await SqlEventLog(self.database).read(0, 999)
            if event.type.startswith("action.")
        ]


async def prepare(database: Database) -> None:
    """Put a room with one alert on record."""
    await SqlRooms(database).add(a_room())
    await SqlAlerts(database).commit(a_transcript(), [AlertRaised(an_alert())])


@contextlib.asynccontextmanager
async def acting(
    database: Database, clock: SetClock | None = None, *, started: bool = True
) -> AsyncIterator[House]:
    """Run an action runner until the end of the block."""
    clock, rooms, metrics = clock or SetClock(), Rooms(), Metrics()
    store = SqlActions(database, clock)
    rooms.open.set()
    if started:
        rooms.started.set()
    runner = ActionRunner(store, rooms, metrics=metrics, clock=clock)
    running = asyncio.create_task(runner.run())
    try:
        yield House(database, clock, store, rooms, runner, metrics)
    finally:
        running.cancel()
        await asyncio.wait([running])
