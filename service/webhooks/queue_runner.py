"""Ordered delivery to one endpoint: each message is delivered or dead before the next is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import structlog

from service.clock import Clock
from service.feed.broadcaster import Broadcaster
from service.feed.ports import Recorded
from service.metrics import Metrics
from service.webhooks import message
from service.webhooks.delivery import Delivery, Outcome, outcome_of
from service.webhooks.endpoint import new_id
from service.webhooks.ledger import Ledger
from service.webhooks.message import Message
from service.webhooks.ports import DeliveryQueue
from service.webhooks.receiver import Receiver
from service.webhooks.requested_action import ACTION_REQUESTED
from service.webhooks.retry_schedule import Head

log = structlog.get_logger()

_IDLE_S = 30.0
_STALE_S = 60.0
"""Age at which a page of events is read again, because its speech may have expired."""
_LONGEST_SLEEP_S = 3600.0


class EndpointGone(Exception):
    """The endpoint answered 410: it wants no more messages."""


class QueueRunner:
    """Runner of one delivery queue.

    Messages behind one that cannot be delivered wait, in order, until it is delivered or a dead
    letter. None is skipped silently. Actions are none of them: `ActionLane` sends those.
    """

    def __init__(
        self,
        queue: DeliveryQueue,
        receiver: Receiver,
        *,
        feed: Broadcaster,
        ledger: Ledger,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._receiver = receiver
        self._feed = feed
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._checked_expiry = False

    async def run(self) -> None:
        """Deliver until the queue ends, as that of a redelivery does.

        Raises:
            EndpointGone: The endpoint answered 410.
        """
        while True:
            await self._until_due()
            news = self._feed.next_news()
            page = await self._page()
            if not await self._send_reset() or not await self._deliver_page(page):
                continue  # the page may expire before the next attempt
            if self._is_over(page):
                return
            if not page:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_S):
                        await news.wait()

    def _is_over(self, page: Sequence[Recorded]) -> bool:
        until = self._queue.until
        return until is not None and (not page or self._queue.cursor >= until)

    async def _page(self) -> Sequence[Recorded]:
        """Return the next events, from the feed's memory, or from the log if they are older."""
        cursor, until = self._queue.cursor, self._queue.until
        recent = self._feed.recent(cursor) if until is None and self._checked_expiry else None
        if recent is not None:
            return recent
        self._checked_expiry = False
        head = self._feed.head
        page = await self._feed.log.read(cursor, self._feed.page_events)
        if until is not None:
            return [event for event in page if event.id <= until]
        if not page and head > cursor:
            self._move(head)  # the log has nothing between the two
        return page

    async def _deliver_page(self, page: Sequence[Recorded]) -> bool:
        """Deliver the page. Returns: False if a message needs another attempt later."""
        loop = asyncio.get_running_loop()
        read_s = loop.time()
        for event in page:
            if event.type == ACTION_REQUESTED or not self._receiver.endpoint.wants(event):
                self._move(event.id)
                continue
            if loop.time() - read_s > _STALE_S:
                return False
            sent = message.of_event(self._receiver.endpoint.id, event)
            if not await self._deliver(sent, replace(self._queue, cursor=event.id, head=Head())):
                return False
        return True

    async def _send_reset(self) -> bool:
        """Send `feed.reset` first if events for this endpoint have expired undelivered.

        Expiry is checked after reading, because the page may lack what expired before that.
        Events in the feed's memory have not expired.

        Returns:
            False if the reset needs another attempt later.
        """
        if self._queue.until is not None or self._checked_expiry:
            return True
        log_, types = self._feed.log, self._receiver.endpoint.types or sorted(message.LOGGED)
        asked = [type_ for type_ in types if type_ != ACTION_REQUESTED]
        known = max(self._queue.cursor, self._queue.reset_until)
        until = await log_.pruned_until(asked) if asked else 0
        if until > known:
            gone = [type_ for type_ in asked if await log_.pruned_until([type_]) > known]
            sent = message.reset(self._receiver.endpoint.id, known, until, gone, self._clock())
            done = replace(self._queue, reset_until=until, head=Head())
            if not await self._deliver(sent, done):
                return False
        self._checked_expiry = True
        return True

    async def _deliver(self, sent: Message, done: DeliveryQueue) -> bool:
        """Make one delivery attempt if it is due, and write it to the ledger.

        Args:
            done: EndpointState of the queue after this message.

        Returns:
            Whether the message is delivered or a dead letter.
        """
        what = sent.event_id or -1
        if self._queue.head.event_id != what:  # not the message of the last attempt
            self._queue = replace(self._queue, head=Head(event_id=what))
        if self._wait_s(0.0) > 0:
            return False
        answer, at, signature = await self._receiver.send(sent)
        head = self._queue.head
        outcome = outcome_of(answer)
        after: Head | None = head
        if outcome in (Outcome.FAILED, Outcome.REFUSED):
            after = head.failed(answer, at, self._receiver.chance())
            outcome = outcome if after is not None else Outcome.DEAD
        finished = outcome in (Outcome.DELIVERED, Outcome.DEAD)
        self._queue = done if finished else replace(self._queue, head=after or Head())
        delivery = Delivery(
            id=new_id("dl"),
            endpoint_id=self._receiver.endpoint.id,
            message_id=sent.id,
            event_id=sent.event_id,
            type=sent.type,
            at=at,
            attempt=head.attempts + 1 if head.is_due(at) else max(1, head.attempts),
            outcome=outcome,
            status=answer.status,
            error=answer.error,
            response=answer.text,
            duration_ms=answer.duration_ms,
            signature=signature,
            next_attempt_at=self._next(outcome),
            body=sent.body.decode() if sent.event_id is None else None,
        )
        self._measure(delivery, sent)
        await self._ledger.record_attempt(self._queue, delivery)
        if outcome is Outcome.GONE:
            raise EndpointGone
        return finished

    async def _until_due(self) -> None:
        chance = self._receiver.chance()
        while True:
            recovered = self._receiver.recovered
            wait_s = self._wait_s(chance)
            if wait_s <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, _LONGEST_SLEEP_S)):
                    await recovered.wait()

    def _wait_s(self, chance: float) -> float:
        now = self._clock()
        return (self._receiver.breaker.try_at(self._queue.head, now, chance) - now).total_seconds()

    def _next(self, outcome: Outcome) -> datetime | None:
        if outcome not in (Outcome.FAILED, Outcome.REFUSED):
            return None
        return self._receiver.breaker.try_at(self._queue.head, self._clock(), 0.0)

    def _move(self, cursor: int) -> None:
        """Move the cursor past events that the filter excludes. The ledger writes this rarely."""
        self._queue = replace(self._queue, cursor=cursor)
        self._ledger.advance(self._queue)

    def _measure(self, delivery: Delivery, sent: Message) -> None:
        self._metrics.deliveries.labels(delivery.outcome).inc()
        self._metrics.delivery_seconds.observe(delivery.duration_ms / 1000)
        if delivery.outcome is Outcome.DELIVERED and sent.event_id and self._queue.until is None:
            behind = (self._clock() - sent.at).total_seconds()
            self._metrics.commit_to_delivery.observe(max(behind, 0.0))
        if delivery.outcome is Outcome.DEAD:
            log.error(
                "webhook.dead_letter",
                webhook=delivery.endpoint_id,
                message=delivery.message_id,
                event_id=delivery.event_id,
            )
