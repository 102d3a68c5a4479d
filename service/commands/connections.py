"""Bound on open HTTP connections, with one warning for many refusals.

When all places are taken, a new connection gets the place of the one that has waited longest for
its client: idle between two requests, or with a request that has not arrived in full. If there is
none, it gets that of a client which does not read its answer. A connection whose request is being
answered, as a stream of the feed is, keeps its place. If no place is free, the new one is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import structlog

from service.errors import Problem
from service.metrics import Metrics
from service.web.problem_types import type_of

log = structlog.get_logger()

WARN_EVERY_S = 60.0
"""Time between two warnings, in seconds."""

_PROBLEM = Problem(
    503,
    "Too many connections",
    "the server has no place for another connection; close idle ones or raise its limit of open "
    "files, then try again",
)
_BODY = json.dumps(
    {
        "type": type_of(_PROBLEM.status, _PROBLEM.title),
        "title": _PROBLEM.title,
        "status": _PROBLEM.status,
        "detail": _PROBLEM.detail,
    }
).encode()
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nretry-after: 2\r\nconnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)
"""Bytes of the answer to a refused connection; it is sent before any request is read."""


class Closed(StrEnum):
    """Reason to close or refuse a connection; the label of the metric."""

    IDLE = "idle"
    UNREAD = "unread"
    REFUSED = "refused"
    NO_DESCRIPTOR = "no_descriptor"


class Connection(Protocol):
    def give_way(self) -> None:
        """Close the connection now."""
        ...

    def is_unread(self) -> bool:
        """Return whether the client leaves its answer unread."""
        ...


class Connections:
    """Open connections of one server.

    Args:
        most: Most open connections.
        now_s: Clock of the warnings, in seconds; its origin does not matter.
    """

    def __init__(self, most: int, metrics: Metrics, now_s: Callable[[], float]) -> None:
        self._most = most
        self._metrics = metrics
        self._now_s = now_s
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        self._unreported: dict[Closed, int] = {}
        self._warned_s = float("-inf")
        metrics.http_connections.set_function(lambda: len(self._open))

    def admit(self, connection: Connection) -> bool:
        """Give a new connection a place. Returns: False if there is none."""
        if len(self._open) >= self._most and not self._make_place():
            self.count(Closed.REFUSED)
            return False
        self._open.add(connection)
        return True

    def remove(self, connection: Connection) -> None:
        """Free the place of a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def mark_waiting(self, connection: Connection) -> None:
        """Note that the connection waits for its client from now on."""
        if connection in self._open:
            self._waiting[connection] = None

    def mark_busy(self, connection: Connection) -> None:
        """Note that the connection's request has arrived."""
        self._waiting.pop(connection, None)

    def count(self, why: Closed) -> None:
        """Count a closed or refused connection, and warn at most every `WARN_EVERY_S`."""
        self._metrics.http_closed.labels(why).inc()
        self._unreported[why] = self._unreported.get(why, 0) + 1
        now_s = self._now_s()
        if now_s - self._warned_s >= WARN_EVERY_S:
            self._warned_s = now_s
            counts = {str(why): count for why, count in self._unreported.items()}
            self._unreported = {}
            log.warning(
                "http.connections_refused",
                most=self._most,
                open=len(self._open),
                remedy="raise the limit of open files (LimitNOFILE, ulimit -n), or find who "
                "opens so many connections",
                **counts,
            )

    def _make_place(self) -> bool:
        found = next(iter(self._waiting), None)
        why = Closed.IDLE
        if found is None:
            found = next((one for one in self._open if one.is_unread()), None)
            why = Closed.UNREAD
        if found is None:
            return False
        self.remove(found)
        found.give_way()
        self.count(why)
        return True
