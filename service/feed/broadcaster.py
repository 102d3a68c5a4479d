"""One reader of the event log for any number of subscribers.

A subscriber keeps a cursor, not a queue: it takes what lies beyond its cursor from the recent
events held in memory, or from the log where it is further behind. So a slow one costs nothing and
misses nothing, and nobody hears of an event before its commit. Only transient events, which have
no cursor, wait in a queue of their own: a short one that drops the oldest.
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

from service.feed.event import Transient, data
from service.feed.ports import EventLog, Recorded

RING_EVENTS = 1_000
PAGE_EVENTS = 200
FORGET_EVERY_S = 60.0
"""Words that have expired from the log leave the memory this soon after."""

TRANSIENT_EVENTS = 16
"""Levels come about twice a second and room: more than this are stale."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A transient event: live only, without a cursor."""

    type: str
    at: datetime
    room_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reset:
    """What lay beyond the cursor `missed_from` has expired, or never was; go on from `cursor`."""

    cursor: int
    missed_from: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a subscriber asked for: of a room (None: all), of these types (empty: all)."""

    room_id: str | None = None
    types: frozenset[str] = frozenset()

    def includes(self, event: Recorded | Shown) -> bool:
        return (self.room_id is None or event.room_id == self.room_id) and (
            not self.types or event.type in self.types
        )


class Broadcaster:
    """Follows the log while `run` runs.

    Args:
        dropped: Told how many transient events were dropped for slow subscribers.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        ring_events: int = RING_EVENTS,
        page_events: int = PAGE_EVENTS,
        dropped: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.log = log
        self.page_events = page_events
        self._ring: deque[Recorded] = deque()
        self._ring_events = ring_events
        # Every event with a greater id than the floor, up to the head, is in the ring.
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
    def closed(self) -> bool:
        return self._closed

    async def run(self) -> None:
        """Follow the log until cancelled. After a failure, run again: it goes on where it was."""
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
        """The page, or what of it lies behind events that expired before they were read here.

        Who has not seen those must hear of them from the log: the ring begins anew behind them.
        """
        if page and page[-1].id - self._head == len(page):
            return page
        expired = await self.log.pruned_until()
        if expired > self._head:
            self._ring.clear()
            self._floor = self._head = expired
        return [event for event in page if event.id > self._head]

    async def forget_expired(self) -> None:
        """Let go of recent events up to the last that has expired from the log."""
        until = await self.log.pruned_until()
        while self._ring and self._ring[0].id <= until:
            self._floor = self._ring.popleft().id

    def show(self, event: Transient, at: datetime) -> None:
        """Hand a transient event to everyone who is connected now."""
        shown = Shown(event.type, at, event.room_id, data(event))
        for subscription in self._subscriptions:
            if not subscription.offer(shown):
                self._dropped(1)

    def subscribe(self, cursor: int, wanted: Wanted) -> Subscription:
        """A reader of everything beyond the cursor; to be used in a `with` statement."""
        return Subscription(self, cursor, wanted)

    def close(self) -> None:
        """End every subscription at once. Call it as soon as the server is told to stop."""
        self._closed = True
        self._wake_all()

    @property
    def head(self) -> int:
        """The newest event seen so far."""
        return self._head

    def recent(self, cursor: int) -> Sequence[Recorded] | None:
        """A page of what lies beyond the cursor, or None where only the log knows."""
        if self._floor is None or not self._floor <= cursor <= self._head:
            return None
        start = bisect_right(self._ring, cursor, key=attrgetter("id"))
        return list(islice(self._ring, start, start + self.page_events))

    def next_news(self) -> asyncio.Event:
        """Set once more has been read of the log. Ask for it before looking at `recent`."""
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
    """One client's place in the log. Made by `Broadcaster.subscribe`."""

    def __init__(self, broadcaster: Broadcaster, cursor: int, wanted: Wanted) -> None:
        self.cursor = cursor
        self._broadcaster = broadcaster
        self._wanted = wanted
        self._shown: deque[Shown] = deque(maxlen=TRANSIENT_EVENTS)
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

    def offer(self, shown: Shown) -> bool:
        """False where an older transient event had to go for this one."""
        if not self._wanted.includes(shown):
            return True
        room = len(self._shown) < TRANSIENT_EVENTS
        self._shown.append(shown)
        self.wake()
        return room

    async def next(self, timeout: float) -> Sequence[Recorded | Shown | Reset]:
        """What is new, a page at most; empty after `timeout` seconds or if the feed has closed."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not self._broadcaster.closed:
            self._news.clear()
            found = [*await self._stored(), *self._shown]
            self._shown.clear()
            if found:
                return found
            try:
                async with asyncio.timeout_at(deadline):
                    await self._news.wait()
            except TimeoutError:
                break
        return ()

    async def _stored(self) -> Sequence[Recorded | Reset]:
        """The next wanted events; the cursor moves over all others."""
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
            wanted = [event for event in page if self._wanted.includes(event)]
            if wanted:
                return wanted

    async def _from_log(self) -> Sequence[Recorded] | Reset:
        """A page of the log, unless something wanted beyond the cursor has expired.

        That is asked after reading: what expired before may be missing from the page.
        """
        log, head, after = self._broadcaster.log, self._broadcaster.head, self.cursor
        page = await log.read(after, self._broadcaster.page_events)
        expired = await log.pruned_until(self._wanted.types) > after
        if expired or (not page and after > await log.latest()):
            self.cursor = await log.latest()
            return Reset(cursor=self.cursor, missed_from=after)
        if not page:
            self.cursor = max(after, head)  # nothing is left between the two
        return page
