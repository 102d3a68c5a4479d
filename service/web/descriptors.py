"""Shares of a process's file descriptors.

A speaker needs sockets too, and a speaker without one is not heard. So HTTP gets a share of the
descriptors, and cannot take those of speakers, the database and the model.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

OWN = 64
"""Descriptors of the process itself: database, model, logs, children, webhooks."""
MOST_CONNECTIONS = 4096
LEAST_CONNECTIONS = 8
_HTTP_SHARE = 4
_ACCEPTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class HttpShare:
    """Descriptors for HTTP.

    Attributes:
        connections: Most open connections.
        feeds: Most of them that may be streams of the feed, so that requests find room beside them.
        accepted_at_once: Most connections that are accepted before one of them is looked at.
    """

    connections: int
    feeds: int
    accepted_at_once: int


def raise_descriptor_limit() -> int:
    """Raise the soft limit of descriptors to the hard one. Returns: the limit in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS names a hard limit that it does not grant
            return soft
    return hard


def http_share(limit: int) -> HttpShare:
    """Return the share of HTTP: a quarter of what the process itself does not need.

    Args:
        limit: Descriptors that this process may have; `resource.RLIM_INFINITY` for no limit.
    """
    free = MOST_CONNECTIONS * _HTTP_SHARE if limit == resource.RLIM_INFINITY else limit - OWN
    connections = max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, free // _HTTP_SHARE))
    return HttpShare(
        connections=connections,
        feeds=connections * 3 // 4,
        accepted_at_once=max(1, min(_ACCEPTED_AT_ONCE, connections // 4)),
    )
