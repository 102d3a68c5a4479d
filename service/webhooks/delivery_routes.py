"""Routes of a webhook's deliveries: a test event, delivery attempts and redelivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.idempotency import IdempotentRoute
from service.access.sealing import CannotOpen
from service.clock import Moment
from service.errors import Problem
from service.feed.ports import Recorded
from service.webhooks.delivery import Delivery, Outcome
from service.webhooks.dependency import Manages, Parts, WebhookId, find_webhook
from service.webhooks.endpoint import EndpointState, new_id
from service.webhooks.message import body_of
from service.webhooks.ports import DeliveryQueue, WebhookStore
from service.webhooks.receiver import CONTENT
from service.webhooks.relay import UNREADABLE
from service.webhooks.requested_action import ACTION_REQUESTED
from service.webhooks.retry_schedule import Head

log = structlog.get_logger()

router = APIRouter(tags=["webhooks"], route_class=IdempotentRoute)

MOST_RANGES = 20
"""Redeliveries of one webhook that may wait."""


class RedeliveryRequest(BaseModel):
    """One delivery attempt, or all events of a period."""

    model_config = ConfigDict(extra="forbid")

    delivery_id: str | None = Field(None, pattern=r"^dl_[0-9a-f]{16}$")
    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt(Delivery):
    """Delivery attempt with its request and answer.

    Attributes:
        request_headers: Headers that were sent.
        request_body: Body that was sent; null when the event has expired.
        response: First 2 kB of the answer, as text.
    """

    request_headers: dict[str, str]
    request_body: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    items: Sequence[DeliveryAttempt]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RedeliveryRange:
    """Range of events that are delivered again, as far as the webhook's filter has them.

    Attributes:
        actions_skipped: Requested actions of the range. They are not delivered again, because an
            action is sent only until it expires.
    """

    first_event_id: int
    last_event_id: int
    actions_skipped: int


@router.post("/v1/webhooks/{webhook_id}/ping", summary="Send a test event")
async def ping_webhook(webhook_id: WebhookId, parts: Parts, _: Manages) -> DeliveryAttempt:
    """The server sends `webhook.ping` once and answers with the attempt, within about 20 s."""
    try:
        delivery = await parts.relay.ping(await find_webhook(parts, webhook_id))
    except CannotOpen as error:
        raise Problem(409, "Secret unreadable", UNREADABLE) from error
    return _shown_delivery(delivery, None)


@router.get("/v1/webhooks/{webhook_id}/deliveries", summary="List delivery attempts, newest first")
async def list_deliveries(
    webhook_id: WebhookId,
    parts: Parts,
    _: Manages,
    outcome: Annotated[Sequence[Outcome], Query()] = (),
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Deliveries:
    await find_webhook(parts, webhook_id, deleted=True)
    await parts.relay.flush()
    page, next_cursor = await parts.webhooks.deliveries(
        webhook_id, outcome, limit=limit, cursor=cursor
    )
    return Deliveries([_shown_delivery(*one) for one in page], next_cursor)


@router.post("/v1/webhooks/{webhook_id}/redeliver", status_code=202, summary="Deliver events again")
async def redeliver_events(
    webhook_id: WebhookId, body: RedeliveryRequest, request: Request, parts: Parts, caller: Manages
) -> RedeliveryRange:
    """They are sent in their order, beside new events, each under its earlier `webhook-id`.

    Requested actions are skipped: an action is sent only until it expires.

    Give `delivery_id`, or `from` and `to`; `to` is now if it is left out.
    """
    endpoint = (await find_webhook(parts, webhook_id)).endpoint
    if endpoint.state is not EndpointState.ENABLED:
        raise Problem(409, "Webhook disabled", f"webhook {webhook_id} is disabled; enable it first")
    await parts.relay.flush()
    if (
        sum(queue.endpoint_id == webhook_id for queue in await parts.webhooks.queues())
        > MOST_RANGES
    ):
        raise Problem(
            409, "Redelivering already", f"{MOST_RANGES} redeliveries are under way; wait for them"
        )
    first, last = await _range(parts.webhooks, webhook_id, body, parts.clock())
    skipped = await parts.webhooks.count_actions(endpoint, first, last)
    queue = DeliveryQueue(
        f"{webhook_id}.{new_id('again')}", webhook_id, first - 1, last, last, Head()
    )
    await parts.webhooks.redeliver(queue)
    parts.relay.wake()
    reason = f"events {first} to {last}"
    await record(request, caller, Action.WEBHOOK_REDELIVERED, webhook_id, reason)
    log.info("webhook.redelivers", webhook=webhook_id, first=first, last=last, by=caller.key_id)
    return RedeliveryRange(first, last, skipped)


async def _range(
    store: WebhookStore, webhook_id: str, body: RedeliveryRequest, now: datetime
) -> tuple[int, int]:
    if body.delivery_id is not None and body.from_ is None and body.to is None:
        found = await store.delivery(webhook_id, body.delivery_id)
        if found is None:
            raise Problem(404, "No such delivery", "it has expired, or belongs to another webhook")
        if found.event_id is None:
            raise Problem(409, "Not an event", f"a {found.type or 'drop'} cannot be sent again")
        if found.type == ACTION_REQUESTED:
            raise Problem(
                409,
                "Action not redelivered",
                "an action is sent only until it expires, and never again: ask a moderator to"
                " request it once more",
            )
        return found.event_id, found.event_id
    if body.delivery_id is not None or body.from_ is None:
        raise Problem(422, "What to send", "give either `delivery_id`, or `from` and `to`")
    span = await store.span(body.from_, body.to or now + timedelta(seconds=1))
    if span is None:
        raise Problem(404, "No events", "no event on record happened in this period")
    return span


def _shown_delivery(delivery: Delivery, event: Recorded | None) -> DeliveryAttempt:
    sent = bool(delivery.message_id and delivery.signature)
    headers = dict(CONTENT) if sent else {}
    if sent:
        headers["webhook-id"] = delivery.message_id
        headers["webhook-timestamp"] = str(int(delivery.at.timestamp()))
        headers["webhook-signature"] = delivery.signature
    body = delivery.body if event is None or not sent else body_of(event).decode()
    fields: dict[str, Any] = asdict(delivery)
    return DeliveryAttempt(**fields, request_headers=headers, request_body=body)
