"""Lane of moderators' actions to the endpoints, beside the ordered queues.

An action is sent at once to each endpoint that wants it. It waits for nothing but an earlier action
on the same speaker at the same endpoint: not for other events, for the pause or the breaker of the
endpoint's queue, or for other endpoints. After its expiry it is never sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

from service.errors import StoreAway
from service.feed.broadcaster import Broadcaster
from service.feed.ports import Recorded
from service.webhooks.action_delivery import ActionDelivery, LaneParts
from service.webhooks.delivery import Outcome
from service.webhooks.ports import WebhookStore
from service.webhooks.receiver import Receiver
from service.webhooks.requested_action import (
    ACTION_OVER,
    ACTION_REQUESTED,
    RequestedAction,
    requested_action,
)

log = structlog.get_logger()

_IDLE_S = 30.0
_RETRY_S = 1.0

Turn = tuple[str, str, str]
"""Endpoint, room and person: actions of one turn are sent one after the other."""


class ActionLane:
    """Deliveries of all pending actions; `run` owns a task for each turn.

    Args:
        receivers: Receivers of the enabled endpoints, which the caller keeps up to date.
        disable: Called with an endpoint that answered 410.
    """

    def __init__(
        self,
        store: WebhookStore,
        feed: Broadcaster,
        receivers: Mapping[str, Receiver],
        parts: LaneParts,
        *,
        disable: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._feed = feed
        self._receivers = receivers
        self._parts = parts
        self._disable = disable
        self._actions: dict[int, RequestedAction] = {}
        self._cursor: int | None = None
        self._waiting: dict[Turn, deque[RequestedAction]] = {}
        self._runs: dict[Turn, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Send the pending actions of an earlier run and those requested from now on."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                while True:
                    try:
                        await self._follow()
                    except StoreAway:
                        self._parts.metrics.failures.labels("webhook actions").inc()
                    except Exception:
                        self._parts.metrics.failures.labels("webhook actions").inc()
                        log.exception("webhook.actions_failed")
                    await asyncio.sleep(_RETRY_S)
            finally:
                self._tasks = None
                self._cursor = None
                for kept in (self._actions, self._waiting, self._runs):
                    kept.clear()

    def offer(self) -> None:
        """Give the live actions to the endpoints that want them and do not have them yet."""
        if self._tasks is None:
            return
        now, loop_s = self._parts.clock(), asyncio.get_running_loop().time()
        for event_id, action in list(self._actions.items()):
            if action.is_expired(now, loop_s):
                del self._actions[event_id]
                continue
            for endpoint_id, receiver in self._receivers.items():
                if self._is_for(action, receiver):
                    self._enqueue(action, (endpoint_id, *action.person))

    async def end(self, endpoint_id: str) -> None:
        """Cancel the deliveries to an endpoint; `offer` begins them again."""
        ending = [turn for turn in self._runs if turn[0] == endpoint_id]
        runs = [self._runs.pop(turn) for turn in ending]
        for turn in ending:
            del self._waiting[turn]
        for run in runs:
            run.cancel()
        if runs:
            await asyncio.wait(runs)

    async def _follow(self) -> None:
        """Read the event log from the newest event on, after the pending actions before it."""
        if self._cursor is None:
            start = await self._feed.log.latest()
            await self._load_pending()
            self._cursor = start
        while True:
            news, head = self._feed.next_news(), self._feed.head
            page = self._feed.recent(self._cursor)
            if page is None:
                page = await self._feed.log.read(self._cursor, self._feed.page_events)
                if not page:  # the log has nothing between the two
                    self._cursor = max(self._cursor, head)
            for event in page:
                self._take(event)
                self._cursor = event.id
            if page:
                self.offer()
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_S):
                    await news.wait()

    async def _load_pending(self) -> None:
        pending = {action.id: action for action in await self._parts.results.pending()}
        if not pending:
            return
        since = min(action.requested_at for action in pending.values())
        for event, finished in await self._store.actions_since(since):
            if event.data.get("id") in pending:
                self._add(event, finished=set(finished))
        self.offer()

    def _take(self, event: Recorded) -> None:
        """Note a requested action, or the end of one."""
        if event.type == ACTION_REQUESTED:
            self._add(event, finished=set())
        elif event.type in ACTION_OVER:
            for action in self._actions.values():
                if action.id == event.data.get("id"):
                    action.over.set()

    def _add(self, event: Recorded, *, finished: set[str]) -> None:
        if event.id in self._actions:  # committed while the pending ones were read
            return
        now, loop_s = self._parts.clock(), asyncio.get_running_loop().time()
        action = requested_action(event, now, loop_s)
        if action is not None and not action.is_expired(now, loop_s):
            action.finished = finished
            self._actions[event.id] = action
            self.offer()

    def _is_for(self, action: RequestedAction, receiver: Receiver) -> bool:
        endpoint = receiver.endpoint
        return (
            endpoint.id not in action.finished
            and endpoint.wants(action.event)
            and action.event.at >= endpoint.created_at
        )

    def _enqueue(self, action: RequestedAction, turn: Turn) -> None:
        waiting = self._waiting.setdefault(turn, deque())
        if action in waiting:
            return
        waiting.append(action)
        if turn not in self._runs:
            assert self._tasks is not None
            self._runs[turn] = self._tasks.create_task(
                self._run_turn(turn, waiting, self._receivers[turn[0]]),
                name=f"webhook action {turn[0]}",
            )

    async def _run_turn(
        self, turn: Turn, waiting: deque[RequestedAction], receiver: Receiver
    ) -> None:
        """Deliver the actions on one speaker to one endpoint, in order, until none waits."""
        at_once = True
        while waiting:
            action = waiting[0]
            outcome = await self._deliver(
                ActionDelivery(action, receiver, self._parts, at_once=at_once)
            )
            if outcome is Outcome.GONE:
                await self._disable_until_stored(receiver.endpoint.id)
                return  # the turn stays taken until the endpoint's deliveries are ended
            action.finished.add(receiver.endpoint.id)
            waiting.popleft()
            at_once = False
        del self._runs[turn], self._waiting[turn]

    async def _deliver(self, delivery: ActionDelivery) -> Outcome:
        """Run one delivery. After an unexpected error it goes on, until the action expires."""
        while True:
            try:
                return await delivery.run()
            except Exception:
                self._parts.metrics.failures.labels("webhook action").inc()
                log.exception("webhook.action_failed")
            await asyncio.sleep(_RETRY_S)

    async def _disable_until_stored(self, endpoint_id: str) -> None:
        while True:
            try:
                return await self._disable(endpoint_id)
            except StoreAway:
                self._parts.metrics.failures.labels("webhook action").inc()
            await asyncio.sleep(_RETRY_S)
