"""Webhook messages: the body as bytes, the same at every delivery attempt, cut if too long.

A body stays under 20 kB. If an event's `data` is longer, its longest fields are cut (a text to its
beginning, a list to its first items, an object to nothing) until it fits. `data` then has a field
`cut`: `{"fields": [...], "read": "/v1/..."}`, with the path of the complete data.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.feed.event import EVENT_TYPES, Transient, body
from service.feed.ports import Recorded
from service.webhooks.delivery import message_id

MAX_BYTES = 20_000
PING = "webhook.ping"
RESET = "feed.reset"
LOGGED = frozenset(EVENT_TYPES) - {Transient.type}
"""Event types that an endpoint may select; levels are sent live only."""

_KEPT_CHARACTERS = 500
_KEPT_ITEMS = 5


@dataclass(frozen=True, slots=True)
class Message:
    """Webhook message.

    Attributes:
        id: The `webhook-id`.
        event_id: Id in the event log; None for a ping or a reset.
        at: Time of the event.
    """

    id: str
    event_id: int | None
    type: str
    at: datetime
    body: bytes


def of_event(endpoint_id: str, event: Recorded) -> Message:
    id_ = message_id(endpoint_id, str(event.id))
    return Message(id_, event.id, event.type, event.at, body_of(event))


def ping(endpoint_id: str, id_: str, now: datetime) -> Message:
    """Return a test message, which is no event, is sent once and has an id of its own."""
    return Message(id_, None, PING, now, _encode(body(PING, now, {"webhook_id": endpoint_id})))


def reset(
    endpoint_id: str, missed_from: int, missed_until: int, types: Collection[str], now: datetime
) -> Message:
    """Return the message that events of these types, with ids in between, expired undelivered."""
    data = {
        "webhook_id": endpoint_id,
        "missed_from": missed_from,
        "missed_until": missed_until,
        "types": sorted(types),
    }
    id_ = message_id(endpoint_id, f"reset {missed_from}")
    return Message(id_, None, RESET, now, _encode(body(RESET, now, data)))


def body_of(event: Recorded, limit: int = MAX_BYTES) -> bytes:
    """Return the body of an event in fewer than `limit` bytes."""
    whole = _encode(body(event.type, event.at, event.data))
    if len(whole) < limit:
        return whole
    data, cut = dict(event.data), set[str]()
    read = _address(event)
    for short in (False, True):
        for name in sorted(event.data, key=lambda name: -len(_encode(event.data[name]))):
            data[name] = _shortened(event.data[name], nothing=short)
            if data[name] != event.data[name]:
                cut.add(name)
            marked = {**data, "cut": {"fields": sorted(cut), "read": read}}
            fitting = _encode(body(event.type, event.at, marked))
            if len(fitting) < limit:
                return fitting
    return _encode(body(event.type, event.at, {"cut": {"fields": ["*"], "read": read}}))


def _shortened(value: Any, *, nothing: bool) -> Any:
    match value:
        case str():
            return "" if nothing else value[:_KEPT_CHARACTERS]
        case list():
            return [] if nothing else value[:_KEPT_ITEMS]
        case dict():
            return {}
        case _:
            return value


def _address(event: Recorded) -> str:
    """Return the path of the complete event: its alert, or the feed from just before the event."""
    if event.type.startswith("alert.") and isinstance(event.data.get("id"), str):
        return f"/v1/alerts/{event.data['id']}"
    return f"/v1/feed?since={event.id - 1}&types={event.type}"


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
