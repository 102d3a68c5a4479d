"""Delivery attempts and their outcomes. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from service.clock import Timestamp


class Outcome(StrEnum):
    """Outcome of one delivery attempt.

    REFUSED: nothing was sent, because the address may not be called. DEAD: the last attempt
    failed; the event is a dead letter. GONE: the answer was 410, so the endpoint wants no more.
    EXPIRED: an action was not delivered before it expired, and is never sent again. DROPPED:
    nothing more is sent, because the endpoint was deleted, or the action was over, first.
    """

    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    DEAD = "dead"
    EXPIRED = "expired"
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
        error: Reason for the missing answer, or a note on the answer, for people.
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


def outcome_of(answer: Answer) -> Outcome:
    if answer.refused:
        return Outcome.REFUSED
    if answer.status is None:
        return Outcome.FAILED
    if answer.status == 410:
        return Outcome.GONE
    return Outcome.DELIVERED if 200 <= answer.status < 300 else Outcome.FAILED


def message_id(endpoint_id: str, what: str) -> str:
    """Return the `webhook-id` of an event at an endpoint, which never changes."""
    return "msg_" + hashlib.sha256(f"{endpoint_id} {what}".encode()).hexdigest()[:32]
