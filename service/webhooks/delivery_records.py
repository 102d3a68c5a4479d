"""Records of deliveries that no queue makes: a test event, and a backlog that was dropped."""

from __future__ import annotations

from datetime import datetime

from service.webhooks.delivery import Answer, Delivery, Outcome, outcome_of
from service.webhooks.endpoint import Sealed, new_id
from service.webhooks.message import Message


def ping_record(
    endpoint_id: str, sent: Message, answer: Answer, *, at: datetime, signature: str
) -> Delivery:
    """Return the record of a test message that was sent once.

    Args:
        at: Time at which it was signed and sent.
    """
    return Delivery(
        id=new_id("dl"),
        endpoint_id=endpoint_id,
        message_id=sent.id,
        event_id=None,
        type=sent.type,
        at=at,
        attempt=1,
        outcome=outcome_of(answer),
        status=answer.status,
        error=answer.error,
        response=answer.text,
        duration_ms=answer.duration_ms,
        signature=signature,
        body=sent.body.decode(),
    )


def dropped_backlog(sealed: Sealed, waiting: int, now: datetime) -> Delivery:
    """Return the record of events that waited for a deleted endpoint and will not be sent."""
    return Delivery(
        id=new_id("dl"),
        endpoint_id=sealed.endpoint.id,
        message_id="",
        event_id=None,
        type="",
        at=now,
        attempt=0,
        outcome=Outcome.DROPPED,
        error=f"the webhook was deleted while {waiting} events waited for it",
    )
