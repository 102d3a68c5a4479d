"""What an attempt came to, and when the next one is due. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from service.clock import Timestamp

SCHEDULE_S = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Standard Webhooks: the wait before each attempt, from the one before it."""

OPENS_AFTER = 2
"""So many failures of an endpoint in a row open its breaker."""
PROBE_S = 10.0
MOST_PROBE_S = 900.0
MOST_RETRY_AFTER_S = 3600.0
"""A receiver that asks for longer is asked again after this."""
JITTER = 0.1
"""A wait may be longer by this share, so that endpoints do not all come back at once."""

_THROTTLES = frozenset({429, 502, 503, 504})
_LEAST_PAUSE_S = 0.1
_MOST_PAUSE_S = 10.0


class Outcome(StrEnum):
    """How one attempt ended.

    REFUSED: nothing was sent, because the address may not be called. DEAD: it failed, and was the
    last. GONE: 410, the receiver wants nothing more. DROPPED: the endpoint was deleted first.
    """

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    DEAD = "dead"
    GONE = "gone"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request.

    Attributes:
        status: None where no answer came.
        text: The beginning of the answer's body; bytes that are no UTF-8 are replaced.
        error: What went wrong, for people; empty where an answer came.
        refused: Nothing was sent: the address may not be called.
        retry_after: As the header says it.
    """

    status: int | None = None
    text: str = ""
    error: str = ""
    refused: bool = False
    retry_after: str = ""
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt, as the log of an endpoint keeps it.

    Attributes:
        message_id: The `webhook-id`: the same for every attempt at one event.
        event_id: None for what is not in the event log (a ping, a reset).
        attempt: From 1; a probe while the breaker is open has the number of the attempt before it.
        body: Only of what is not in the event log: an event's body is made from the event, so that
            no words are kept here.
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
    """The message an endpoint waits for.

    Attributes:
        event_id: Which event it is; 0 before the first attempt.
        attempts: Attempts made on its schedule.
        due_at: When the schedule says the next one is; None: now.
        not_before: The receiver asked to be left alone until then.
    """

    event_id: int = 0
    attempts: int = 0
    due_at: datetime | None = None
    not_before: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now

    def failed(self, answer: Answer, now: datetime, chance: float) -> Head | None:
        """After a failed attempt; None where it was the last.

        An attempt before its time was a probe: it changes nothing on the schedule.

        Args:
            chance: From 0 to 1, for the jitter.
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
    """Whether an endpoint is well; open while it is not.

    The schedule belongs to a message, the breaker to its endpoint. While it is open the endpoint
    gets one probe at a time, at growing distances: the message it waits for, under its own id. A
    probe that succeeds closes the breaker, however far off the schedule's next attempt was.
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
        """When the next attempt may be made; `now` or earlier: at once."""
        due = head.due_at or now
        if self.is_open and self.failed_at is not None:
            doubled = min(self.failures - OPENS_AFTER, 20)  # a float bears no thousand
            wait_s = min(PROBE_S * 2**doubled, MOST_PROBE_S)
            due = self.failed_at + timedelta(seconds=wait_s * (1 + JITTER * chance))
        elif self.closed_at is not None:  # somebody got through: what waits need not wait longer
            due = min(due, self.closed_at)
        return due if head.not_before is None else max(due, head.not_before)


@dataclass(frozen=True, slots=True)
class Pause:
    """How long to wait between two requests: grows when the receiver throttles, and shrinks."""

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
    """How long the receiver asks to be left alone, within bounds; 0 where it does not ask."""
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
    """The `webhook-id` of an event (by its id in the log) at an endpoint: always the same."""
    return "msg_" + hashlib.sha256(f"{endpoint_id} {what}".encode()).hexdigest()[:32]
