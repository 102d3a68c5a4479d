"""One endpoint's walk along the event log: a message is done with before the next is tried."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from service.clock import Clock
from service.feed.broadcaster import Broadcaster
from service.feed.ports import Recorded
from service.metrics import Metrics
from service.webhooks import message
from service.webhooks.delivery import (
    Answer,
    Breaker,
    Delivery,
    Head,
    Outcome,
    Pause,
    outcome_of,
)
from service.webhooks.endpoint import Endpoint, new_id
from service.webhooks.ledger import Ledger
from service.webhooks.message import Message
from service.webhooks.ports import Lane, Sender
from service.webhooks.signing import headers_for

log = structlog.get_logger()

CONTENT = {"content-type": "application/json", "user-agent": "earshot"}
AT_ONCE = 2
"""Requests to one endpoint at the same time: one in order, one of a ping or a redelivery."""

_WELL_AT_ONCE = 64
_AILING_AT_ONCE = 32
_IDLE_S = 30.0
_STALE_S = 60.0
"""What was read so long ago is read again: its words may have expired."""
_LONGEST_SLEEP_S = 3600.0


@dataclass(slots=True)
class Limits:
    """Requests under way, of all endpoints together.

    Endpoints that fail have places of their own, so that they can wait for their time-outs
    without keeping those that are well from theirs.
    """

    well: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_WELL_AT_ONCE))
    ailing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AILING_AT_ONCE))


class Receiver:
    """How an endpoint is, as all of its lanes see it, and the way to it.

    Args:
        secrets: Those that sign at a given time.
        chance: From 0 to 1, for the jitter.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secrets: Callable[[datetime], Sequence[str]],
        *,
        sender: Sender,
        limits: Limits,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.breaker = Breaker()
        self.chance = chance
        self.recovered = asyncio.Event()
        self._secrets = secrets
        self._sender = sender
        self._limits = limits
        self._clock = clock
        self._pause = Pause()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, sent: Message) -> tuple[Answer, datetime, str]:
        """Try once; the answer, when it was sent, and how it was signed."""
        limit = self._limits.ailing if self.breaker.failures else self._limits.well
        async with self._places:
            if self._pause.seconds:
                await asyncio.sleep(self._pause.seconds)
            async with limit:
                now = self._clock()
                signed = headers_for(self._secrets(now), sent.id, now, sent.body)
                answer = await self._sender.post(
                    self.endpoint.url, {**CONTENT, **signed}, sent.body
                )
        self._pause = self._pause.after(answer)
        self._learn(answer)
        return answer, now, signed["webhook-signature"]

    def _learn(self, answer: Answer) -> None:
        now, was_open = self._clock(), self.breaker.is_open
        if outcome_of(answer) is not Outcome.DELIVERED:
            self.breaker = self.breaker.failed(now)
            if self.breaker.is_open and not was_open:
                log.warning("webhook.breaker_opened", webhook=self.endpoint.id)
            return
        self.breaker = self.breaker.succeeded(now)
        if was_open:
            log.info("webhook.breaker_closed", webhook=self.endpoint.id)
            self.recovered.set()
            self.recovered = asyncio.Event()


class Gone(Exception):
    """The receiver answered 410: it wants nothing more."""


class Walk:
    """Runs one lane.

    Behind a message that cannot be delivered all others wait, in order, until it is delivered or
    given up as dead: none is skipped in silence.
    """

    def __init__(
        self,
        lane: Lane,
        receiver: Receiver,
        *,
        feed: Broadcaster,
        ledger: Ledger,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._lane = lane
        self._receiver = receiver
        self._feed = feed
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._looked_back = False

    async def run(self) -> None:
        """Until the lane ends, which that of a range does.

        Raises:
            Gone
        """
        while True:
            await self._until_due()
            news = self._feed.next_news()
            page = await self._page()
            if not await self._tell_of_expired() or not await self._pass_all(page):
                continue  # what was read may have expired by the time it is due again
            if self._is_over(page):
                return
            if not page:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_IDLE_S):
                        await news.wait()

    def _is_over(self, page: Sequence[Recorded]) -> bool:
        until = self._lane.until
        return until is not None and (not page or self._lane.cursor >= until)

    async def _page(self) -> Sequence[Recorded]:
        """What comes next: from the feed's memory, or from the log where it is further back."""
        cursor, until = self._lane.cursor, self._lane.until
        recent = self._feed.recent(cursor) if until is None and self._looked_back else None
        if recent is not None:
            return recent
        self._looked_back = False
        head = self._feed.head
        page = await self._feed.log.read(cursor, self._feed.page_events)
        if until is not None:
            return [event for event in page if event.id <= until]
        if not page and head > cursor:
            self._move(head)  # nothing is left in between
        return page

    async def _pass_all(self, page: Sequence[Recorded]) -> bool:
        """Be done with the page; False where some of it takes another attempt, later."""
        loop = asyncio.get_running_loop()
        read_s = loop.time()
        for event in page:
            if not self._receiver.endpoint.wants(event):
                self._move(event.id)
                continue
            if loop.time() - read_s > _STALE_S:
                return False
            sent = message.of_event(self._receiver.endpoint.id, event)
            if not await self._deliver(sent, replace(self._lane, cursor=event.id, head=Head())):
                return False
        return True

    async def _tell_of_expired(self) -> bool:
        """Where events that were wanted have expired, the endpoint is told before anything else.

        Asked after reading: what expired before may be missing from the page. What is still in the
        feed's memory has not expired.

        Returns:
            Whether nothing is left to be told.
        """
        if self._lane.until is not None or self._looked_back:
            return True
        log_, types = self._feed.log, self._receiver.endpoint.types
        known = max(self._lane.cursor, self._lane.told_until)
        until = await log_.pruned_until(types)
        if until > known:
            asked = types or sorted(message.LOGGED)
            gone = [type_ for type_ in asked if await log_.pruned_until([type_]) > known]
            sent = message.reset(self._receiver.endpoint.id, known, until, gone, self._clock())
            done = replace(self._lane, told_until=until, head=Head())
            if not await self._deliver(sent, done):
                return False
        self._looked_back = True
        return True

    async def _deliver(self, sent: Message, done: Lane) -> bool:
        """Try once, if the time has come; what comes of it is noted.

        Args:
            done: The lane when this message is behind it.

        Returns:
            Whether it is.
        """
        what = sent.event_id or -1
        if self._lane.head.event_id != what:  # another message than was tried before
            self._lane = replace(self._lane, head=Head(event_id=what))
        if self._wait_s(0.0) > 0:
            return False
        answer, at, signature = await self._receiver.send(sent)
        head = self._lane.head
        outcome = outcome_of(answer)
        after: Head | None = head
        if outcome in (Outcome.FAILED, Outcome.REFUSED):
            after = head.failed(answer, at, self._receiver.chance())
            outcome = outcome if after is not None else Outcome.DEAD
        finished = outcome in (Outcome.DELIVERED, Outcome.DEAD)
        self._lane = done if finished else replace(self._lane, head=after or Head())
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
        await self._ledger.note(self._lane, delivery)
        if outcome is Outcome.GONE:
            raise Gone
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
        return (self._receiver.breaker.try_at(self._lane.head, now, chance) - now).total_seconds()

    def _next(self, outcome: Outcome) -> datetime | None:
        if outcome not in (Outcome.FAILED, Outcome.REFUSED):
            return None
        return self._receiver.breaker.try_at(self._lane.head, self._clock(), 0.0)

    def _move(self, cursor: int) -> None:
        """Past events that nobody here wants; written down now and then."""
        self._lane = replace(self._lane, cursor=cursor)
        self._ledger.walked(self._lane)

    def _measure(self, delivery: Delivery, sent: Message) -> None:
        self._metrics.deliveries.labels(delivery.outcome).inc()
        self._metrics.delivery_seconds.observe(delivery.duration_ms / 1000)
        if delivery.outcome is Outcome.DELIVERED and sent.event_id and self._lane.until is None:
            behind = (self._clock() - sent.at).total_seconds()
            self._metrics.commit_to_delivery.observe(max(behind, 0.0))
        if delivery.outcome is Outcome.DEAD:
            log.error(
                "webhook.dead_letter",
                webhook=delivery.endpoint_id,
                message=delivery.message_id,
                event_id=delivery.event_id,
            )
