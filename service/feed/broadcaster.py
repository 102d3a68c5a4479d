"""One reader of the event log for any number of subscribers.

A subscriber keeps a cursor, not a queue. It reads the events beyond its cursor from the recent
events in memory, or from the log if it is further behind. So a slow subscriber costs nothing and
misses nothing, and no event is sent before its commit. Only transient events, which have no
cursor, wait in a queue for each subscriber: a short one that drops the oldest.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from types import TracebackType
from typing import Any, Self

from service.access.scope import in_scope
from service.feed.event import Transient, data
from service.feed.ports import EventLog, Recorded

RING_EVENTS = 1_000
PAGE_EVENTS = 200
FORGET_EVERY_S = 60.0
"""Longest time that events expired from the log stay in memory."""

TRANSIENT_EVENTS = 16
"""Transient events that may wait for one subscriber. Levels of a room come twice a second; older
ones are stale."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """Transient event: sent to connected subscribers only, without a cursor."""

    type: str
    at: datetime
    room_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reset:
    """Notice that events beyond `missed_from` have expired or never existed; go on at `cursor`."""

    cursor: int
    missed_from: int


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filter of one subscriber.

    Attributes:
        room_id: Room of the events; None for all.
        types: Types of the events; empty for all.
        rooms: Scope of the subscriber's key: ids and globs of rooms; empty for all.
    """

    room_id: str | None = None
    types: frozenset[str] = frozenset()
    rooms: tuple[str, ...] = ()

    def includes(self, event: Recorded | LiveEvent) -> bool:
        return (
            (self.room_id is None or event.room_id == self.room_id)
            and (not self.types or event.type in self.types)
            and in_scope(self, event.room_id)
        )


class Broadcaster:
    """Reader that follows the log while `run` runs.

    Args:
        dropped: Called with the number of transient events that slow subscribers missed.
        most_subscriptions: Most subscriptions at once; None for no bound.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        ring_events: int = RING_EVENTS,
        page_events: int = PAGE_EVENTS,
        dropped: Callable[[int], None] = lambda count: None,
        most_subscriptions: int | None = None,
    ) -> None:
        self.log = log
        self._most = most_subscriptions
        self.page_events = page_events
        self._ring: deque[Recorded] = deque()
        self._ring_events = ring_events
        # The ring has every event with an id above the floor, up to the head.
        self._floor: int | None = None
        self._head = 0
        self._subscriptions: set[Subscription] = set()
        self._dropped = dropped
        self._closed = False
        self._news = asyncio.Event()

    @property
    def subscribers(self) -> int:
        return len(self._subscriptions)

    @property
    def full(self) -> bool:
        """Whether no further subscription has a place."""
        return self._most is not None and len(self._subscriptions) >= self._most

    @property
    def closed(self) -> bool:
        return self._closed

    async def run(self) -> None:
        """Follow the log until cancelled. After a failure, a new call goes on at the same place."""
        loop = asyncio.get_running_loop()
        if self._floor is None:
            self._floor = self._head = await self.log.latest()
            self._wake_all()
        checked = loop.time()
        while True:
            if await self.log.wait_beyond(self._head, timeout=FORGET_EVERY_S):
                page = await self.log.read(self._head, self.page_events)
                self._keep(await self._beyond_expired(page))
            if loop.time() - checked >= FORGET_EVERY_S:
                await self.forget_expired()
                checked = loop.time()

    async def _beyond_expired(self, page: Sequence[Recorded]) -> Sequence[Recorded]:
        """Return the events of the page after those that expired before they were read here.

        A subscriber that has not reached them must read the log to learn of the expiry, so the
        ring starts anew behind them.
        """
        if page and page[-1].id - self._head == len(page):
            return page
        expired = await self.log.pruned_until()
        if expired > self._head:
            self._ring.clear()
            self._floor = self._head = expired
        return [event for event in page if event.id > self._head]

    async def forget_expired(self) -> None:
        """Remove recent events up to the last one that has expired from the log."""
        until = await self.log.pruned_until()
        while self._ring and self._ring[0].id <= until:
            self._floor = self._ring.popleft().id

    def send_live(self, event: Transient, at: datetime) -> None:
        """Send a transient event to all connected subscribers."""
        live = LiveEvent(event.type, at, event.room_id, data(event))
        for subscription in self._subscriptions:
            if not subscription.offer(live):
                self._dropped(1)

    def subscribe(self, cursor: int, filter_: EventFilter) -> Subscription:
        """Return a subscription to the events beyond the cursor, for use in a `with` statement."""
        return Subscription(self, cursor, filter_)

    def close(self) -> None:
        """End every subscription at once. Call it as soon as the server stops."""
        self._closed = True
        self._wake_all()

    @property
    def head(self) -> int:
        """Id of the newest event that was read."""
        return self._head

    def recent(self, cursor: int) -> Sequence[Recorded] | None:
        """Return a page of events beyond the cursor; None if only the log has them."""
        if self._floor is None or not self._floor <= cursor <= self._head:
            return None
        start = bisect_right(self._ring, cursor, key=attrgetter("id"))
        return list(islice(self._ring, start, start + self.page_events))

    def next_news(self) -> asyncio.Event:
        """Return an event that is set when more has been read. Call this before `recent`."""
        return self._news

    def join(self, subscription: Subscription) -> None:
        self._subscriptions.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def _keep(self, events: Sequence[Recorded]) -> None:
        for event in events:
            self._ring.append(event)
            self._head = event.id
            if len(self._ring) > self._ring_events:
                self._floor = self._ring.popleft().id
        self._wake_all()

    def _wake_all(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
        for subscription in self._subscriptions:
            subscription.wake()


class Subscription:
    """Place of one client in the log. `Broadcaster.subscribe` makes it."""

    def __init__(self, broadcaster: Broadcaster, cursor: int, filter_: EventFilter) -> None:
        self.cursor = cursor
        self._broadcaster = broadcaster
        self._filter = filter_
        self._live: deque[LiveEvent] = deque(maxlen=TRANSIENT_EVENTS)
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self._broadcaster.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._broadcaster.leave(self)

    def wake(self) -> None:
        self._news.set()

    def offer(self, live: LiveEvent) -> bool:
        """Queue a transient event. Returns: False if an older one was dropped for it."""
        if not self._filter.includes(live):
            return True
        room = len(self._live) < TRANSIENT_EVENTS
        self._live.append(live)
        self.wake()
        return room

    async def next(self, timeout: float) -> Sequence[Recorded | LiveEvent | Reset]:
        """Return up to a page of new items; none after `timeout` seconds or if the feed closed."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self._broadcaster.closed:
            self._news.clear()
            found = [*await self._stored(), *self._live]
            self._live.clear()
            if found:
                return found
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                break
        return ()

    async def _stored(self) -> Sequence[Recorded | Reset]:
        """Return the next events that pass the filter, and move the cursor over all others."""
        while True:
            page = self._broadcaster.recent(self.cursor)
            if page is None:
                logged = await self._from_log()
                if isinstance(logged, Reset):
                    return [logged]
                page = logged
            if not page:
                return ()
            self.cursor = page[-1].id
            wanted = [event for event in page if self._filter.includes(event)]
            if wanted:
                return wanted

    async def _from_log(self) -> Sequence[Recorded] | Reset:
        """Return a page of the log, or a reset if events beyond the cursor have expired.

        Expiry is checked after reading, because the page may lack what expired before that.
        """
        log, head, after = self._broadcaster.log, self._broadcaster.head, self.cursor
        page = await log.read(after, self._broadcaster.page_events)
        expired = await log.pruned_until(self._filter.types) > after
        if expired or (not page and after > await log.latest()):
            self.cursor = await log.latest()
            return Reset(cursor=self.cursor, missed_from=after)
        if not page:
            self.cursor = max(after, head)  # the log has nothing between the two
        return page
