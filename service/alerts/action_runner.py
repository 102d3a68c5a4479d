"""Moderators' actions from the request to their result.

An action is pending until its room server confirms it, or until `expires_at`. Where earshot can
moderate the room server, it carries the action out there and waits for the confirmation. Elsewhere
a webhook carries it, and the room server reports the result.

Earshot does its own part, such as to stop hearing a muted speaker, only after the confirmation.
Each change is stored before its effect. A server that dies in between goes on at its next start: a
pending action is carried out again if it has not expired, so it may be done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn, Protocol
from weakref import WeakValueDictionary

import structlog

from service.alerts import action as steps
from service.alerts.action import ActionOutcome, ActionState, ModeratorAction
from service.alerts.ports import ActionChange, ActionStore
from service.clock import Clock
from service.errors import Problem, StoreAway
from service.metrics import Metrics
from service.rooms.actions import CannotAct, Carrier, RoomAction

log = structlog.get_logger()

_LONGEST_S = 20.0
"""Longest attempt of earshot to carry an action out."""
_RETRY_S = 1.0
_LOOK_EVERY_S = 0.5
"""Time between looks at the clock, which may be set, while an action is pending."""
_THE_ROOM_SERVER = "the room server"


class Rooms(Protocol):
    """Rooms in which actions are carried out: `service.rooms.room_actions.RoomActions`."""

    @property
    def started(self) -> asyncio.Event: ...

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str: ...

    def set_muted(self, room_id: str, person: str, *, muted: bool) -> None: ...

    async def apply_confirmed(
        self, room_id: str, action: RoomAction, person: str, requested_at: datetime
    ) -> None: ...


class ActionRunner:
    """Pending actions; `run` owns a task for each. Implements `ActionRequests`."""

    def __init__(self, store: ActionStore, rooms: Rooms, *, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._rooms = rooms
        self._metrics = metrics
        self._clock = clock
        self._tasks: asyncio.TaskGroup | None = None
        self._over: dict[str, asyncio.Event] = {}
        """Set when the action has its result, by the id of each action under way."""
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._recording: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def run(self) -> NoReturn:
        """Go on with pending actions of an earlier run and those requested from now on."""
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._rooms.started.wait()
                self._tasks = tasks
                self._begin(await self._store.pending())
                for end in await self._store.unfinished_ends():
                    self._spawn_effect(end)
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            self._over.clear()
        raise AssertionError("it never ends by itself")

    async def request(self, action: ModeratorAction) -> ModeratorAction:
        """Store the action and begin it. If the same is pending already, return that one."""
        requested = await self._store.request(action)
        if requested is action:
            log.info("action.requested", action=action.action, id=action.id, room=action.room_id)
            self._begin([action])
        return requested

    async def pending(self) -> Sequence[ModeratorAction]:
        """Return the pending actions, oldest first."""
        return await self._store.pending()

    async def record_delivery(self, action_id: str, at: datetime) -> None:
        """Record that a webhook has answered 2xx: the action has arrived, and is not done by it."""
        await self._store.change(action_id, lambda known: steps.record_delivery(known, at))

    async def record_result(
        self, action_id: str, outcome: ActionOutcome, reason: str, who: str
    ) -> ModeratorAction:
        """Record what the room server says has become of the action; return the action.

        Args:
            who: Name of the key or webhook that says so.

        Raises:
            Problem: 404, there is no such action; 409, another outcome stands, or earshot itself
                carries the action out.
        """

        def decide(known: ModeratorAction) -> ModeratorAction:
            if known.carrier is Carrier.CONNECTOR:
                raise Problem(
                    409,
                    "Carried out by earshot",
                    f"earshot itself carries out action {known.id} at the room server, which "
                    "confirms it; report results only of actions whose `carrier` is `webhook`",
                )
            return steps.apply_result(known, outcome, reason, who, self._clock())

        change = await self._change(action_id, decide)
        if change is None:
            raise no_such_action(action_id)
        return change.after

    def _begin(self, actions: Sequence[ModeratorAction]) -> None:
        if self._tasks is None:  # the server is stopping: the next run goes on with them
            return
        for action in actions:
            if action.id in self._over:  # requested while pending ones were read
                continue
            self._over[action.id] = asyncio.Event()
            self._tasks.create_task(self._follow(action), name=f"action {action.id}")

    async def _follow(self, action: ModeratorAction) -> None:
        """Follow one action to its result."""
        try:
            if action.carrier is Carrier.CONNECTOR:
                await self._carry_out(action)
            else:
                await self._wait_for_result(action)
        finally:
            self._over.pop(action.id, None)

    async def _wait_for_result(self, action: ModeratorAction) -> None:
        """Wait for the room server's result, and fail the action when it expires."""
        over, loop = self._over[action.id], asyncio.get_running_loop()
        # The clock may be set back: the action expires nevertheless.
        deadline_s = loop.time() + (action.expires_at - action.requested_at).total_seconds()
        while (left_s := min(self._seconds_left(action), deadline_s - loop.time())) > 0:
            try:
                async with asyncio.timeout(min(left_s, _LOOK_EVERY_S)):
                    await over.wait()
                    return
            except TimeoutError:
                continue
        await self._change_until_stored(action.id, lambda known: steps.expire(known, self._clock()))

    async def _carry_out(self, action: ModeratorAction) -> None:
        """Carry out one action of a speaker at a time, so that mute and unmute keep their order."""
        async with _lock(self._turns, action):
            if self._seconds_left(action) <= 0:
                await self._change_until_stored(
                    action.id, lambda known: steps.expire(known, self._clock())
                )
                return
            outcome, detail = await self._act(action)
            now = self._clock()
            await self._change_until_stored(
                action.id,
                lambda known: steps.apply_result(known, outcome, detail, _THE_ROOM_SERVER, now),
            )

    async def _act(self, action: ModeratorAction) -> tuple[ActionOutcome, str]:
        longest_s = min(_LONGEST_S, self._seconds_left(action))
        try:
            async with asyncio.timeout(longest_s):
                done = await self._rooms.act(
                    action.room_id, action.action, action.speaker_id, action.message
                )
        except CannotAct as error:
            return ActionOutcome.FAILED, str(error)
        except TimeoutError:
            return ActionOutcome.FAILED, f"the room server did not confirm it in {longest_s:.0f} s"
        except Exception:
            self._metrics.failures.labels("action").inc()
            log.exception("action.error", id=action.id)
            return ActionOutcome.FAILED, "an unexpected error, which the server's log has in full"
        return ActionOutcome.DONE, done

    async def _change_until_stored(
        self, action_id: str, decide: Callable[[ModeratorAction], ModeratorAction]
    ) -> None:
        while True:
            try:
                await self._change(action_id, decide)
                return
            except StoreAway:
                log.warning("action.store_away", id=action_id)
            except Exception:
                log.exception("action.not_recorded", id=action_id)
            self._metrics.failures.labels("action record").inc()
            await asyncio.sleep(_RETRY_S)

    async def _change(
        self, action_id: str, decide: Callable[[ModeratorAction], ModeratorAction]
    ) -> ActionChange | None:
        """Store a change; where it is a result, begin its effect here."""
        known = await self._store.get(action_id)
        if known is None:
            return None
        async with _lock(self._recording, known):  # effects keep the order of the commits
            change = await self._store.change(action_id, decide)
            if change is not None and change.before != change.after:
                self._note_result(change)
        return change

    def _note_result(self, change: ActionChange) -> None:
        action = change.after
        if action.state is ActionState.DONE and change.room_open:
            mutes = action.action in (RoomAction.MUTE, RoomAction.UNMUTE)
            if mutes:
                self._rooms.set_muted(action.room_id, action.speaker_id, muted=change.muted)
            if mutes or action.carrier is Carrier.WEBHOOK:  # else the connector sees it itself
                self._spawn_effect(action)
        if (over := self._over.get(action.id)) is not None:
            over.set()
        self._metrics.actions.labels(action.action, action.state).inc()
        done = action.state is ActionState.DONE
        log.info(
            "action.done" if done else "action.failed",
            action=action.action,
            id=action.id,
            late=action.late,
        )

    def _spawn_effect(self, action: ModeratorAction) -> None:
        if self._tasks is None:  # the server is stopping: it hears nobody any more
            return
        self._tasks.create_task(self._apply(action), name=f"effect of action {action.id}")

    async def _apply(self, action: ModeratorAction) -> None:
        """Do earshot's part of a confirmed action."""
        async with _lock(self._turns, action):
            while True:
                try:
                    return await self._rooms.apply_confirmed(
                        action.room_id, action.action, action.speaker_id, action.requested_at
                    )
                except StoreAway:
                    log.warning("action.store_away", id=action.id)
                except Exception:
                    log.exception("action.effect_failed", id=action.id)
                    self._metrics.failures.labels("action effect").inc()
                    return
                await asyncio.sleep(_RETRY_S)

    def _seconds_left(self, action: ModeratorAction) -> float:
        return (action.expires_at - self._clock()).total_seconds()


def no_such_action(action_id: str) -> Problem:
    return Problem(404, "No such action", f"no action has the id {action_id!r}")


def _lock(
    locks: WeakValueDictionary[tuple[str, str], asyncio.Lock], action: ModeratorAction
) -> asyncio.Lock:
    return locks.setdefault((action.room_id, action.speaker_id), asyncio.Lock())
