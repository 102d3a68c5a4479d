"""Relay of events to webhooks: one task for each delivery queue of an enabled endpoint.

Moderators' actions have a lane of their own, beside the queues. `run` owns every task. Routes
change the store and call `refresh`. The queues of a disabled or deleted endpoint stop at once;
those of an endpoint that is enabled again go on at their cursor.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from service.access.sealing import CannotOpen, Seal
from service.alerts.action import ActionRequested
from service.clock import Clock
from service.errors import StoreAway
from service.feed.broadcaster import Broadcaster
from service.metrics import Metrics
from service.webhooks import message
from service.webhooks.action_delivery import LaneParts
from service.webhooks.action_lane import ActionLane
from service.webhooks.delivery import Delivery
from service.webhooks.delivery_records import ping_record
from service.webhooks.endpoint import EndpointState, Sealed, new_id
from service.webhooks.ledger import Ledger
from service.webhooks.ports import ActionResults, DeliveryQueue, Sender, WebhookStore
from service.webhooks.queue_runner import EndpointGone, QueueRunner
from service.webhooks.receiver import Limits, Receiver

log = structlog.get_logger()

UNREADABLE = (
    "its secret cannot be read, because the key that sealed it is missing; rotate the secret and"
    " enable the webhook again"
)
GONE = "its endpoint answered 410 Gone, which means: send nothing more"

_UPDATE_EVERY_S = 5.0
"""Time between reads of the store, to see the changes of other processes."""
_RETRY_S = 1.0


class Relay:
    """Delivery to all enabled endpoints.

    Args:
        feed: Broadcaster, run by the caller; the newest events come from its memory.
        chance: Function that returns a random number from 0 to 1, for the jitter.
    """

    def __init__(
        self,
        store: WebhookStore,
        feed: Broadcaster,
        sender: Sender,
        seal: Seal,
        *,
        metrics: Metrics,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._feed = feed
        self._sender = sender
        self._seal = seal
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._limits = Limits()
        self._receivers: dict[str, Receiver] = {}
        self._sealed: dict[str, Sealed] = {}
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._updating = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self._ledger = Ledger(store, failed=metrics.failures.labels("webhooks ledger").inc)
        self._actions: ActionLane | None = None
        metrics.breakers_open.set_function(
            lambda: sum(one.breaker.is_open for one in self._receivers.values())
        )

    async def run(self, results: ActionResults) -> None:
        """Deliver until cancelled; then write the progress.

        Args:
            results: Record of what room servers did with moderators' actions.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._actions = self._action_lane(results)
                tasks.create_task(self._ledger.run(), name="webhooks ledger")
                tasks.create_task(self._actions.run(), name="webhooks actions")
                while True:
                    self._changed.clear()
                    wait_s = await self._update_or_retry()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._changed.wait()
        finally:
            self._tasks = self._actions = None
            self._runs.clear()
            self._receivers.clear()
            self._sealed.clear()
            with suppress(StoreAway):  # unwritten messages are sent again, under the same ids
                await self._ledger.flush()

    async def delivers_actions(self, room_id: str) -> bool:
        """Return whether an enabled endpoint receives the requested actions of this room.

        The store says so, because a new endpoint's queue may not run yet.
        """
        endpoints = [sealed.endpoint for sealed in await self._store.all()]
        return any(
            one.state is EndpointState.ENABLED
            and one.wants_type(ActionRequested.type)
            and one.wants_room(room_id)
            for one in endpoints
        )

    async def refresh(self, endpoint_id: str) -> None:
        """Restart the queues of a changed endpoint at their cursors; stop a disabled one."""
        try:
            async with self._updating:
                await self._end(endpoint_id)
        finally:
            self._changed.set()

    def wake(self) -> None:
        """Look at once for new endpoints and redeliveries. Running queues go on."""
        self._changed.set()

    async def ping(self, sealed: Sealed) -> Delivery:
        """Send a test message once, whatever the endpoint's state."""
        endpoint = sealed.endpoint
        receiver = self._receivers.get(endpoint.id) or self._receiver(sealed)
        sent = message.ping(endpoint.id, new_id("msg"), self._clock())
        answer, at, signature = await receiver.send(sent)
        delivery = ping_record(endpoint.id, sent, answer, at=at, signature=signature)
        await self._store.write([], [delivery])
        return delivery

    def is_failing(self, endpoint_id: str) -> bool:
        """Return whether the endpoint's breaker is open."""
        receiver = self._receivers.get(endpoint_id)
        return receiver is not None and receiver.breaker.is_open

    async def flush(self) -> None:
        """Write all progress and delivery attempts so far."""
        await self._ledger.flush()

    async def _update_or_retry(self) -> float:
        """Update the running queues. Returns: seconds until the next update."""
        try:
            await self._update_runs()
        except StoreAway:
            self._metrics.failures.labels("webhooks").inc()
            return _RETRY_S
        return _UPDATE_EVERY_S

    async def _update_runs(self) -> None:
        """Start the queues of enabled endpoints that do not run, and stop the others."""
        async with self._updating:
            enabled = {
                one.endpoint.id: one
                for one in await self._store.all()
                if one.endpoint.state is EndpointState.ENABLED
            }
            for endpoint_id in list(self._receivers):
                if enabled.get(endpoint_id) != self._sealed.get(endpoint_id):
                    await self._end(endpoint_id)
            started: set[tuple[str, bool]] = set()
            for queue in await self._store.queues():
                sealed = enabled.get(queue.endpoint_id)
                kind = (queue.endpoint_id, queue.until is None)
                if sealed is None or kind in started:
                    continue  # one redelivery of an endpoint at a time
                started.add(kind)
                if queue.id not in self._runs:
                    await self._begin(queue, sealed)
            if self._actions is not None:
                self._actions.offer()

    async def _begin(self, queue: DeliveryQueue, sealed: Sealed) -> None:
        try:
            self._open(sealed, self._clock())
        except CannotOpen:
            await self._disable(queue.endpoint_id, UNREADABLE)
            return
        if queue.endpoint_id not in self._receivers:
            self._receivers[queue.endpoint_id] = self._receiver(sealed)
            self._sealed[queue.endpoint_id] = sealed
        assert self._tasks is not None
        self._runs[queue.id] = self._tasks.create_task(
            self._run_queue(queue), name=f"webhook {queue.id}"
        )

    def _receiver(self, sealed: Sealed) -> Receiver:
        return Receiver(
            sealed.endpoint,
            lambda now: self._open(sealed, now),
            sender=self._sender,
            limits=self._limits,
            clock=self._clock,
            chance=self._chance,
        )

    def _open(self, sealed: Sealed, now: datetime) -> Sequence[str]:
        return [self._seal.open(secret, sealed.endpoint.id) for secret in sealed.valid(now)]

    async def _end(self, endpoint_id: str) -> None:
        """Cancel the endpoint's queues and their requests, and write their progress."""
        ending = [
            self._runs.pop(queue_id)
            for queue_id in list(self._runs)
            if queue_id == endpoint_id or queue_id.startswith(f"{endpoint_id}.")
        ]
        for run in ending:
            run.cancel()
        if ending:
            await asyncio.wait(ending)
        if self._actions is not None:
            await self._actions.end(endpoint_id)
        self._receivers.pop(endpoint_id, None)
        self._sealed.pop(endpoint_id, None)
        await self._ledger.flush()

    async def _run_queue(self, queue: DeliveryQueue) -> None:
        """Run one queue to its end. An error here harms no other queue; the runner starts again."""
        run = QueueRunner(
            queue,
            self._receivers[queue.endpoint_id],
            feed=self._feed,
            ledger=self._ledger,
            metrics=self._metrics,
            clock=self._clock,
        )
        while True:
            try:
                await self._run_to_end(run, queue)
                break
            except StoreAway:
                self._metrics.failures.labels("webhook").inc()
            except Exception:
                self._metrics.failures.labels("webhook").inc()
                log.exception("webhook.failed", webhook=queue.endpoint_id)
            await asyncio.sleep(_RETRY_S)
        self._runs.pop(queue.id, None)
        self._changed.set()

    async def _run_to_end(self, run: QueueRunner, queue: DeliveryQueue) -> None:
        try:
            await run.run()
        except EndpointGone:
            await self._end_gone(queue.endpoint_id)
        else:
            await self._ledger.flush()
            await self._store.end_queue(queue.id)

    async def _end_gone(self, endpoint_id: str) -> None:
        await self._ledger.flush()
        await self._disable(endpoint_id, GONE)
        self._changed.set()

    def _action_lane(self, results: ActionResults) -> ActionLane:
        parts = LaneParts(results, self._ledger, self._metrics, self._clock)
        return ActionLane(self._store, self._feed, self._receivers, parts, disable=self._end_gone)

    async def _disable(self, endpoint_id: str, reason: str) -> None:
        await self._store.disable(endpoint_id, reason)
        log.warning("webhook.disabled", webhook=endpoint_id, reason=reason)
