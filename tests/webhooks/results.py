"""Small real `ActionResults` on the event log, for tests of the action lane."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from service.alerts.action import (
    ActionDone,
    ActionOutcome,
    ActionRequested,
    ActionState,
    ModeratorAction,
)
from service.clock import utc_now
from service.errors import Problem
from service.rooms.actions import RoomAction
from service.storage.engine import Database
from service.storage.event_log import append
from tests.storage.examples import an_action

REPORTED = {ActionOutcome.DONE: ActionState.DONE, ActionOutcome.FAILED: ActionState.FAILED}


@dataclass
class Results:
    """Actions in memory, whose events are in the log; the object survives a relay."""

    database: Database
    actions: dict[str, ModeratorAction] = field(default_factory=dict)
    delivered: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    reported: list[tuple[str, ActionOutcome, str, str]] = field(default_factory=list)

    async def until_delivered(self, *ids: str) -> None:
        async with asyncio.timeout(30):
            while not set(ids) <= set(self.delivered):
                self.news.clear()
                await self.news.wait()

    async def request(
        self,
        id_: str,
        *,
        speaker_id: str = "ann",
        room_id: str = "lobby",
        action: RoomAction = RoomAction.MUTE,
        lives_s: float = 30.0,
        age_s: float = 0.0,
    ) -> ModeratorAction:
        at = utc_now() - timedelta(seconds=age_s)
        made = replace(
            an_action(id_, action),
            speaker_id=speaker_id,
            room_id=room_id,
            requested_at=at,
            expires_at=at + timedelta(seconds=lives_s),
        )
        self.actions[id_] = made
        async with self.database.write() as connection:
            await append(connection, ActionRequested(made), at)
        return made

    async def finish(self, id_: str, state: ActionState = ActionState.DONE) -> ModeratorAction:
        over = self.actions[id_] = replace(self.actions[id_], state=state, finished_at=utc_now())
        async with self.database.write() as connection:
            await append(connection, ActionDone(over), utc_now())
        return over

    async def pending(self) -> Sequence[ModeratorAction]:
        return [one for one in self.actions.values() if one.finished_at is None]

    async def record_delivery(self, action_id: str, at: datetime) -> None:
        self.delivered.append(action_id)
        self.news.set()

    async def record_result(
        self, action_id: str, outcome: ActionOutcome, reason: str, who: str
    ) -> ModeratorAction:
        found, state = self.actions[action_id], REPORTED[outcome]
        if found.finished_at is not None and found.state is not state:
            raise Problem(409, "Another outcome", f"action {action_id} is {found.state} already")
        self.reported.append((action_id, outcome, reason, who))
        return await self.finish(action_id, state)
