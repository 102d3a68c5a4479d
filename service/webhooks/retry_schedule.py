"""Retry schedule of webhooks: waits between attempts, the breaker and probes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from service.webhooks.delivery import Answer

SCHEDULE_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Retry schedule of Standard Webhooks: wait before each attempt, after the one before it."""

OPENS_AFTER = 2
"""Failures of an endpoint in a row that open its breaker."""
PROBE_S = 10.0
MOST_PROBE_S = 900.0
MOST_RETRY_AFTER_S = 3600.0
"""Longest Retry-After that is honoured."""
JITTER = 0.1
"""Largest random share added to a wait, so that attempts do not all come at once."""

_THROTTLES = frozenset({429, 502, 503, 504})
_LEAST_PAUSE_S = 0.1
_MOST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Head:
    """Message at the head of the queue: the one that is delivered next.

    Attributes:
        event_id: Id of its event; 0 before the first attempt.
        attempts: Attempts made on the retry schedule.
        due_at: Time of the next attempt on the schedule; None for now.
        not_before: End of the wait that the endpoint asked for with Retry-After.
    """

    event_id: int = 0
    attempts: int = 0
    due_at: datetime | None = None
    not_before: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now

    def failed(self, answer: Answer, now: datetime, chance: float) -> Head | None:
        """Return the head after a failed attempt; None after the last attempt.

        An attempt before it was due was a probe and does not change the schedule.

        Args:
            chance: Random number from 0 to 1, for the jitter.
        """
        asked = retry_after_s(answer, now)
        not_before = now + timedelta(seconds=asked) if asked else None
        if not self.is_due(now):
            return replace(self, not_before=not_before)
        attempts = self.attempts + 1
        if attempts >= len(SCHEDULE_S):
            return None
        wait_s = SCHEDULE_S[attempts] * (1 + JITTER * chance)
        return Head(self.event_id, attempts, now + timedelta(seconds=wait_s), not_before)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Circuit breaker of one endpoint; open while the endpoint fails.

    The retry schedule belongs to a message, the breaker to its endpoint. While it is open the
    endpoint gets one probe at a time, at growing intervals: the message at the head of the queue,
    under its own id. A successful probe closes the breaker, whatever the schedule says.
    """

    failures: int = 0
    failed_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.failures >= OPENS_AFTER

    def failed(self, now: datetime) -> Breaker:
        return Breaker(self.failures + 1, failed_at=now)

    def succeeded(self, now: datetime) -> Breaker:
        return Breaker(closed_at=now) if self.is_open else replace(self, failures=0)

    def try_at(self, head: Head, now: datetime, chance: float) -> datetime:
        """Return the time of the next attempt; `now` or earlier means at once."""
        due = head.due_at or now
        if self.is_open and self.failed_at is not None:
            doubled = min(self.failures - OPENS_AFTER, 20)  # 2.0 ** 1000 overflows a float
            wait_s = min(PROBE_S * 2**doubled, MOST_PROBE_S)
            due = self.failed_at + timedelta(seconds=wait_s * (1 + JITTER * chance))
        elif self.closed_at is not None:  # another delivery succeeded: the rest need not wait
            due = min(due, self.closed_at)
        return due if head.not_before is None else max(due, head.not_before)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait between two requests, which grows when the endpoint throttles and shrinks again."""

    seconds: float = 0.0

    def after(self, answer: Answer) -> Pause:
        if answer.status in _THROTTLES:
            return Pause(min(max(2 * self.seconds, _LEAST_PAUSE_S), _MOST_PAUSE_S))
        shorter = self.seconds * 0.8
        return Pause(shorter if shorter > _LEAST_PAUSE_S / 2 else 0.0)


def retry_after_s(answer: Answer, now: datetime) -> float:
    """Return the bounded wait that Retry-After asks for, in seconds; 0 without the header."""
    said = answer.retry_after.strip()
    if answer.status not in _THROTTLES or not said:
        return 0.0
    if said.isascii() and said.isdecimal():
        seconds = float(said[:9])
    else:
        try:
            until = parsedate_to_datetime(said)
            seconds = until.timestamp() - now.timestamp()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), MOST_RETRY_AFTER_S)
