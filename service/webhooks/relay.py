"""Keeps a walk going for each enabled endpoint.

`run` owns every task. Routes change the store and call `refresh`; a disabled or deleted endpoint's
walk ends there and then, and one that is enabled again goes on from its cursor.
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
from service.webhooks.delivery import Delivery, Outcome, outcome_of
from service.webhooks.endpoint import Sealed, State, new_id
from service.webhooks.lane import Gone, Limits, Receiver, Walk
from service.webhooks.ledger import Ledger
from service.webhooks.ports import Lane, Sender, WebhookStore

log = structlog.get_logger()

UNREADABLE = (
    "its secret cannot be read, because the key that sealed it is not here; rotate the secret and"
    " enable it again"
)
GONE = "its receiver answered 410 Gone, which means: send nothing more"

_LOOK_S = 5.0
"""How soon a change that another process made is noticed at the latest."""
_RETRY_S = 1.0


class Relay:
    """
    Args:
        feed: Runs elsewhere; the log's newest events are taken from its memory.
        chance: From 0 to 1, for the jitter.
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
        self._walks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._looking = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self._ledger = Ledger(store, failed=metrics.failures.labels("webhooks ledger").inc)
        metrics.breakers_open.set_function(
            lambda: sum(one.breaker.is_open for one in self._receivers.values())
        )

    async def run(self) -> None:
        """Deliver until cancelled; then write down how far it came."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._ledger.run(), name="webhooks ledger")
                while True:
                    self._changed.clear()
                    wait_s = await self._look_or_retry()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._changed.wait()
        finally:
            self._tasks = None
            self._walks.clear()
            self._receivers.clear()
            self._sealed.clear()
            with suppress(StoreAway):  # what is not written is sent again, under the same ids
                await self._ledger.flush()

    def tells(self, type_: str, room_id: str) -> bool:
        """Some receiver is told of such events in this room."""
        endpoints = (sealed.endpoint for sealed in self._sealed.values())
        return any(one.wants_type(type_) and one.wants_room(room_id) for one in endpoints)

    def tells_actions(self, room_id: str) -> bool:
        """Whether some receiver is told what people ask to be done in this room."""
        return self.tells(ActionRequested.type, room_id)

    async def refresh(self, endpoint_id: str) -> None:
        """The endpoint has changed: its walks end now, and begin again where they were if it is
        still enabled."""
        try:
            async with self._looking:
                await self._end(endpoint_id)
        finally:
            self._changed.set()

    def wake(self) -> None:
        """There is a new endpoint or a range to tell again; what is under way goes on."""
        self._changed.set()

    async def ping(self, sealed: Sealed) -> Delivery:
        """Try the way there once, whatever the endpoint's state."""
        endpoint = sealed.endpoint
        receiver = self._receivers.get(endpoint.id) or self._receiver(sealed)
        sent = message.ping(endpoint.id, new_id("msg"), self._clock())
        answer, at, signature = await receiver.send(sent)
        delivery = Delivery(
            id=new_id("dl"),
            endpoint_id=endpoint.id,
            message_id=sent.id,
            event_id=None,
            type=sent.type,
            at=at,
            attempt=1,
            outcome=outcome_of(answer),
            status=answer.status,
            error=answer.error,
            response=answer.text,
            duration_ms=answer.duration_ms,
            signature=signature,
            body=sent.body.decode(),
        )
        await self._store.write([], [delivery])
        return delivery

    def is_failing(self, endpoint_id: str) -> bool:
        """Its breaker is open."""
        receiver = self._receivers.get(endpoint_id)
        return receiver is not None and receiver.breaker.is_open

    async def flush(self) -> None:
        """Write down what was done so far."""
        await self._ledger.flush()

    async def _look_or_retry(self) -> float:
        """How many seconds to wait before the next look."""
        try:
            await self._look()
        except StoreAway:
            self._metrics.failures.labels("webhooks").inc()
            return _RETRY_S
        return _LOOK_S

    async def _look(self) -> None:
        """Begin the walks that should be under way, and end those that should not."""
        async with self._looking:
            enabled = {
                one.endpoint.id: one
                for one in await self._store.all()
                if one.endpoint.state is State.ENABLED
            }
            for endpoint_id in list(self._receivers):
                if enabled.get(endpoint_id) != self._sealed.get(endpoint_id):
                    await self._end(endpoint_id)
            started: set[tuple[str, bool]] = set()
            for lane in await self._store.lanes():
                sealed = enabled.get(lane.endpoint_id)
                kind = (lane.endpoint_id, lane.until is None)
                if sealed is None or kind in started:
                    continue  # of several ranges the first one first
                started.add(kind)
                if lane.id not in self._walks:
                    await self._begin(lane, sealed)

    async def _begin(self, lane: Lane, sealed: Sealed) -> None:
        try:
            self._open(sealed, self._clock())
        except CannotOpen:
            await self._disable(lane.endpoint_id, UNREADABLE)
            return
        if lane.endpoint_id not in self._receivers:
            self._receivers[lane.endpoint_id] = self._receiver(sealed)
            self._sealed[lane.endpoint_id] = sealed
        assert self._tasks is not None
        self._walks[lane.id] = self._tasks.create_task(self._walk(lane), name=f"webhook {lane.id}")

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
        """Their requests are broken off; what they noted is written before this returns."""
        ending = [
            self._walks.pop(lane_id)
            for lane_id in list(self._walks)
            if lane_id == endpoint_id or lane_id.startswith(f"{endpoint_id}.")
        ]
        for walk in ending:
            walk.cancel()
        if ending:
            await asyncio.wait(ending)
        self._receivers.pop(endpoint_id, None)
        self._sealed.pop(endpoint_id, None)
        await self._ledger.flush()

    async def _walk(self, lane: Lane) -> None:
        """One endpoint's failure to be served harms no other; its walk is taken up again."""
        walk = Walk(
            lane,
            self._receivers[lane.endpoint_id],
            feed=self._feed,
            ledger=self._ledger,
            metrics=self._metrics,
            clock=self._clock,
        )
        while True:
            try:
                await self._walk_to_its_end(walk, lane)
                break
            except StoreAway:
                self._metrics.failures.labels("webhook").inc()
            except Exception:
                self._metrics.failures.labels("webhook").inc()
                log.exception("webhook.failed", webhook=lane.endpoint_id)
            await asyncio.sleep(_RETRY_S)
        self._walks.pop(lane.id, None)
        self._changed.set()

    async def _walk_to_its_end(self, walk: Walk, lane: Lane) -> None:
        try:
            await walk.run()
        except Gone:
            await self._ledger.flush()
            await self._disable(lane.endpoint_id, GONE)
        else:
            await self._ledger.flush()
            await self._store.end_lane(lane.id)

    async def _disable(self, endpoint_id: str, reason: str) -> None:
        await self._store.disable(endpoint_id, reason)
        log.warning("webhook.disabled", webhook=endpoint_id, reason=reason)


def dropped(sealed: Sealed, waiting: int, now: datetime) -> Delivery:
    """The record that events which waited for a deleted endpoint will not be sent."""
    return Delivery(
        id=new_id("dl"),
        endpoint_id=sealed.endpoint.id,
        message_id="",
        event_id=None,
        type="",
        at=now,
        attempt=0,
        outcome=Outcome.DROPPED,
        error=f"the webhook was deleted while {waiting} events waited for it",
    )
