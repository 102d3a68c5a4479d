"""Carry out moderators' actions in rooms.

Each action is stored before it begins and when it is over. A server that dies in between carries it
out again at its next start, so an action may be done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn, Protocol
from weakref import WeakValueDictionary

import structlog

from service.alerts.action import ActionState, ModeratorAction
from service.alerts.ports import ActionStore
from service.clock import Clock
from service.errors import StoreAway
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction

log = structlog.get_logger()

_LONGEST_S = 20.0
_RETRY_STORE_S = 1.0


class Rooms(Protocol):
    """Rooms in which actions are carried out: `service.rooms.supervisor.Supervisor`."""

    started: asyncio.Event

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str: ...


class ActionRunner:
    """Actions under way; `run` owns a task for each."""

    def __init__(self, store: ActionStore, rooms: Rooms, *, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._rooms = rooms
        self._metrics = metrics
        self._clock = clock
        self._tasks: asyncio.TaskGroup | None = None
        self._under_way: set[str] = set()
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> NoReturn:
        """Carry out pending actions of an earlier run and those requested from now on."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._rooms.started.wait()
                self._tasks = tasks
                self._begin(await self._store.pending())
                await asyncio.Event().wait()
        finally:
            self._tasks = None
        raise AssertionError("it never ends by itself")

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Store the action and begin it. If the same is under way already, return that one."""
        requested = await self._store.request(action)
        if requested is action:
            log.info("action.requested", action=action.action, id=action.id, room=action.room_id)
            self._begin([action])
        return requested

    async def find(self, action_id: str) -> ModeratorAction | None:
        """Return a stored action."""
        return await self._store.find(action_id)

    def _begin(self, actions: Sequence[ModeratorAction]) -> None:
        if self._tasks is None:  # the server is stopping: the next run carries them out
            return
        for action in actions:
            if action.id in self._under_way:  # requested while pending ones were read
                continue
            self._under_way.add(action.id)
            self._tasks.create_task(self._carry_out(action), name=f"action {action.id}")

    async def _carry_out(self, action: ModeratorAction) -> None:
        """Carry out one action of a speaker at a time, so that mute and unmute keep their order."""
        turn = self._turns.setdefault((action.room_id, action.speaker_id), asyncio.Lock())
        async with turn:
            state, detail = await self._act(action)
            self._metrics.actions.labels(action.action, state).inc()
            log.info("action.done", action=action.action, id=action.id, state=state)
            over = replace(action, state=state, detail=detail, finished_at=self._clock())
            await self._store_result(over)
        self._under_way.discard(action.id)

    async def _act(self, action: ModeratorAction) -> tuple[ActionState, str]:
        try:
            async with asyncio.timeout(_LONGEST_S):
                done = await self._rooms.act(
                    action.room_id, action.action, action.speaker_id, action.message
                )
        except CannotAct as error:
            return ActionState.FAILED, str(error)
        except TimeoutError:
            return ActionState.FAILED, f"the room server did not confirm it in {_LONGEST_S:.0f} s"
        except Exception:
            self._metrics.failures.labels("action").inc()
            log.exception("action.failed", id=action.id)
            return ActionState.FAILED, "an unexpected error, which the server's log has in full"
        return ActionState.DONE, done

    async def _store_result(self, action: ModeratorAction) -> None:
        while True:
            try:
                return await self._store.finish(action)
            except StoreAway:
                log.warning("action.store_away", id=action.id)
            except Exception:
                log.exception("action.not_recorded", id=action.id)
            self._metrics.failures.labels("action record").inc()
            await asyncio.sleep(_RETRY_STORE_S)
