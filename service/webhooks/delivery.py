"""Delivery attempts: their outcomes, the retry schedule and the breaker. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from service.clock import Timestamp

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


class Outcome(StrEnum):
    """Outcome of one delivery attempt.

    REFUSED: nothing was sent, because the address may not be called. DEAD: the last attempt
    failed; the event is a dead letter. GONE: the answer was 410, so the endpoint wants no more.
    DROPPED: the endpoint was deleted first.
    """

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    DEAD = "dead"
    GONE = "gone"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to one request, or the failure to get one.

    Attributes:
        status: HTTP status; None without an answer.
        text: Beginning of the answer's body; bytes that are not UTF-8 are replaced.
        error: Reason for the missing answer, for people; empty with an answer.
        refused: Nothing was sent, because the address may not be called.
        retry_after: Value of the Retry-After header.
    """

    status: int | None = None
    text: str = ""
    error: str = ""
    refused: bool = False
    retry_after: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Record of one delivery attempt.

    Attributes:
        message_id: The `webhook-id`, the same for every attempt of one event.
        event_id: Id in the event log; None for a message without an event (a ping, a reset).
        attempt: Number from 1; a probe of an open breaker has the number of the attempt before it.
        body: Body of a message without an event. The body of an event is made from the event when
            it is shown, so that no speech is stored here.
    """

    id: str
    endpoint_id: str
    message_id: str
    event_id: int | None
    type: str
    at: Timestamp
    attempt: int
    outcome: Outcome
    status: int | None = None
    error: str = ""
    response: str = ""
    duration_ms: int = 0
    signature: str = ""
    next_attempt_at: Timestamp | None = None
    body: str | None = None


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


def outcome_of(answer: Answer) -> Outcome:
    if answer.refused:
        return Outcome.REFUSED
    if answer.status is None:
        return Outcome.FAILED
    if answer.status == 410:
        return Outcome.GONE
    return Outcome.DELIVERED if 200 <= answer.status < 300 else Outcome.FAILED


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


def message_id(endpoint_id: str, what: str) -> str:
    """Return the `webhook-id` of an event at an endpoint, which never changes."""
    return "msg_" + hashlib.sha256(f"{endpoint_id} {what}".encode()).hexdigest()[:32]
