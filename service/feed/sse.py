"""The feed's lines on the wire: server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, assert_never

from service.feed.broadcaster import Reset, Shown
from service.feed.event import body
from service.feed.ports import Recorded

RESET = "feed.reset"
RETRY_MS = 2_000
"""How long a client waits before it connects again."""

HEARTBEAT = b": heartbeat\n"
"""A comment without an empty line behind it: no client takes it for an event."""


def opening(cursor: int) -> bytes:
    """Tells a client its cursor before the first event, so that it can resume from here.

    An event without data: clients take its `id` and `retry` and show nothing.
    """
    return f"retry: {RETRY_MS}\nid: {cursor}\n\n".encode()


def encode(item: Recorded | Shown | Reset, now: datetime) -> bytes:
    """One event; `now` dates what has no time of its own."""
    match item:
        case Recorded():
            return _block(item.type, body(item.type, item.at, item.data), item.id)
        case Shown():
            return _block(item.type, body(item.type, item.at, item.data), None)
        case Reset():
            missed = {"missed_from": item.missed_from}
            return _block(RESET, body(RESET, now, missed), item.cursor)
        case _:
            assert_never(item)


def _block(type_: str, content: dict[str, Any], cursor: int | None) -> bytes:
    """JSON without spaces has no line breaks, so `data` is one line."""
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    id_line = "" if cursor is None else f"id: {cursor}\n"
    return f"event: {type_}\n{id_line}data: {line}\n\n".encode()
