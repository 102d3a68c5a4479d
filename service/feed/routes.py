"""Route of the feed: `GET /v1/feed`.

A stream ends when the client disconnects or when `Broadcaster.close` is called, which happens
first when the server stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Send

from service.access.authenticate import Caller
from service.access.dependency import allow, still_allowed
from service.access.keys import Role
from service.clock import Clock
from service.errors import Problem, StoreAway
from service.feed import sse
from service.feed.broadcaster import Broadcaster, EventFilter
from service.feed.event import EVENT_TYPES
from service.provider import Provider

HEARTBEAT_S = 15.0
"""Time between heartbeats. Proxies close a connection that is silent for half a minute."""

_AGAIN_S = 1.0
CHECK_EVERY_S = 5.0
"""Time between checks of the key or session. One that has ended gets no later event."""

_CURSOR_DIGITS = 18
_TYPES = frozenset({*EVENT_TYPES, sse.RESET})

router = APIRouter()


class FeedParts(Protocol):
    @property
    def broadcaster(self) -> Broadcaster: ...
    @property
    def clock(self) -> Clock: ...


FEED = Provider[FeedParts]()
Parts = Annotated[FeedParts, Depends(FEED)]


class EventStream(StreamingResponse):
    """Response that closes its generator at once, whatever ends the response."""

    media_type = "text/event-stream"

    def __init__(self, blocks: AsyncGenerator[bytes, None]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(blocks, headers=headers)
        self._blocks = blocks

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._blocks):
            await super().stream_response(send)


@router.get(
    "/v1/feed", status_code=200, response_class=EventStream, summary="Stream events as they happen"
)
async def stream_events(
    request: Request,
    parts: Parts,
    caller: Annotated[Caller, Depends(allow(*Role))],
    last_event_id: Annotated[str | None, Header()] = None,
    since: Annotated[
        str | None, Query(description="Cursor to resume from; `Last-Event-ID` wins.")
    ] = None,
    room: Annotated[str | None, Query(description="Id of a room; left out, all.")] = None,
    types: Annotated[list[str] | None, Query(description="Event types, comma-separated.")] = None,
) -> EventStream:
    """Server-sent events: `event` is the type, `id` the cursor, `data` `{type, timestamp, data}`.

    Without a cursor the stream starts now. With a cursor it goes on after that event. If events
    after it have expired, `feed.reset` comes first: read the lists again and go on from its id.
    A key that is scoped to rooms gets the events of these rooms only.
    """
    broadcaster = parts.broadcaster
    if broadcaster.full:
        raise Problem(
            503,
            "Too many feeds",
            "the server has no place for another stream; close one, or raise its limit of open "
            "files",
            headers={"Retry-After": "10"},
        )
    filter_ = EventFilter(room, _known(types or ()), caller.rooms)
    cursor = _cursor("Last-Event-ID", last_event_id) if last_event_id else _cursor("since", since)
    if cursor is None:
        cursor = await broadcaster.log.latest()
    allowed = partial(still_allowed, request, caller)
    return EventStream(blocks(broadcaster, parts.clock, cursor, filter_, allowed))


async def blocks(
    broadcaster: Broadcaster,
    clock: Clock,
    cursor: int,
    filter_: EventFilter,
    allowed: Callable[[], Awaitable[bool]],
    *,
    heartbeat_s: float = HEARTBEAT_S,
    check_every_s: float = CHECK_EVERY_S,
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes for one client, a page or a heartbeat at a time.

    Ends when the feed closes or `allowed` returns False.
    """
    loop = asyncio.get_running_loop()
    checked = loop.time()
    with broadcaster.subscribe(cursor, filter_) as subscription:
        yield sse.opening(cursor)
        while True:
            try:
                found = await subscription.next(heartbeat_s)
            except StoreAway:  # the stream goes on at its cursor when the database is back
                found = ()
                await asyncio.sleep(_AGAIN_S)
            if broadcaster.closed:
                return
            if loop.time() - checked >= check_every_s:
                if not await allowed():
                    return
                checked = loop.time()
            yield b"".join(sse.encode(item, clock()) for item in found) or sse.HEARTBEAT


def _cursor(where: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _CURSOR_DIGITS):
        raise Problem(
            400,
            "Bad cursor",
            f"`{where}` must be the `id` of an event from this feed; leave it out to start now",
        )
    return int(text)


def _known(types: Sequence[str]) -> frozenset[str]:
    asked = {name.strip() for part in types for name in part.split(",")} - {""}
    unknown = sorted(asked - _TYPES)
    if unknown:
        raise Problem(
            422,
            "Unknown event type",
            f"`types` has {unknown[0][:60]!r}; the types are " + ", ".join(sorted(_TYPES)),
        )
    return frozenset(asked)
