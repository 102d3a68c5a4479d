"""Encoding of the feed as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, assert_never

from service.feed.broadcaster import LiveEvent, Reset
from service.feed.event import body
from service.feed.ports import Recorded

RESET = "feed.reset"
RETRY_MS = 2_000
"""Wait of a client before it connects again, in milliseconds."""

HEARTBEAT = b": heartbeat\n"
"""Comment without an empty line after it, so that no client takes it for an event."""


def opening(cursor: int) -> bytes:
    """Return a block that gives a client its cursor before the first event, for resuming.

    It is an event without data: clients store its `id` and `retry` and dispatch nothing.
    """
    return f"retry: {RETRY_MS}\nid: {cursor}\n\n".encode()


def encode(item: Recorded | LiveEvent | Reset, now: datetime) -> bytes:
    """Return one event as bytes; `now` is the time of an item without a time."""
    match item:
        case Recorded():
            return _block(item.type, body(item.type, item.at, item.data), item.id)
        case LiveEvent():
            return _block(item.type, body(item.type, item.at, item.data), None)
        case Reset():
            missed = {"missed_from": item.missed_from}
            return _block(RESET, body(RESET, now, missed), item.cursor)
        case _:
            assert_never(item)


def _block(type_: str, content: dict[str, Any], cursor: int | None) -> bytes:
    """Return an SSE block. Compact JSON has no line breaks, so `data` is one line."""
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    id_line = "" if cursor is None else f"id: {cursor}\n"
    return f"event: {type_}\n{id_line}data: {line}\n\n".encode()
