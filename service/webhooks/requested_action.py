"""A moderator's action on its way to the endpoints, and its retry schedule. Pure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from service.alerts.action import ActionDone, ActionFailed, ActionRequested
from service.feed.ports import Recorded
from service.webhooks.delivery import Answer
from service.webhooks.retry_schedule import JITTER, retry_after_s

ACTION_REQUESTED = ActionRequested.type
ACTION_OVER = frozenset({ActionFailed.type, ActionDone.type})
"""Types of the events after which an action is not sent any more."""

RETRY_S = (1.0, 2.0, 4.0)
"""Waits between the attempts for an action; the last one repeats."""
MOST_RETRY_AFTER_S = 10.0
"""Longest Retry-After that is honoured for an action."""


@dataclass(slots=True, eq=False)
class RequestedAction:
    """Action that waits for delivery.

    The wall clock may step, so the monotonic clock bounds the life of the action as well.

    Attributes:
        expires_at: Time after which it is never sent.
        deadline_s: The same on the event loop's monotonic clock, in seconds.
        over: Set once the action is done or failed.
        finished: Ids of the endpoints at which its delivery is over.
    """

    event: Recorded
    expires_at: datetime
    deadline_s: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    finished: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return str(self.event.data.get("id", ""))

    @property
    def person(self) -> tuple[str, str]:
        """Room and person that the action is about."""
        return self.event.room_id, str(self.event.data.get("speaker_id", ""))

    def is_expired(self, now: datetime, loop_s: float) -> bool:
        return now >= self.expires_at or loop_s >= self.deadline_s


def requested_action(event: Recorded, now: datetime, loop_s: float) -> RequestedAction | None:
    """Return the action of an `action.requested` event; None if it names no time of expiry."""
    try:
        expires_at = datetime.fromisoformat(event.data["expires_at"])
        requested_at = datetime.fromisoformat(event.data["requested_at"])
        lifetime_s = (expires_at - requested_at).total_seconds()
        left_s = min((expires_at - now).total_seconds(), lifetime_s)
    except (KeyError, TypeError, ValueError):  # an event of an earlier version
        return None
    return RequestedAction(event, expires_at, loop_s + left_s)


def retry_wait_s(attempts: int, answer: Answer, now: datetime, chance: float) -> float:
    """Return the wait after this many failed attempts, in seconds.

    Args:
        chance: Random number from 0 to 1, for the jitter.
    """
    wait_s = RETRY_S[min(attempts, len(RETRY_S)) - 1] * (1 + JITTER * chance)
    return max(wait_s, min(retry_after_s(answer, now), MOST_RETRY_AFTER_S))
