"""Routes of webhooks: endpoints, delivery attempts and redelivery."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow, require_room_in_scope
from service.access.idempotency import IdempotentRoute
from service.access.keys import Role
from service.access.names import PlainText
from service.access.scope import RoomGlob, glob_in_scope, require_new_in_scope
from service.access.sealing import CannotOpen, Seal
from service.clock import Clock, Moment, Timestamp
from service.errors import Problem
from service.feed.ports import Recorded
from service.provider import Provider
from service.webhooks.address import MAX_URL
from service.webhooks.delivery import Delivery, Outcome
from service.webhooks.endpoint import OLD_SECRET_FOR, Endpoint, EndpointState, Sealed, new_id
from service.webhooks.message import LOGGED, body_of
from service.webhooks.ports import DeliveryQueue, Sender, Waiting, WebhookStore
from service.webhooks.receiver import CONTENT
from service.webhooks.relay import UNREADABLE, Relay, dropped_backlog
from service.webhooks.requested_action import ACTION_REQUESTED
from service.webhooks.retry_schedule import Head
from service.webhooks.signing import make_secret

log = structlog.get_logger()

router = APIRouter(tags=["webhooks"], route_class=IdempotentRoute)


class WebhookParts(Protocol):
    @property
    def webhooks(self) -> WebhookStore: ...
    @property
    def webhook_sender(self) -> Sender: ...
    @property
    def relay(self) -> Relay: ...
    @property
    def seal(self) -> Seal: ...
    @property
    def clock(self) -> Clock: ...


WEBHOOKS = Provider[WebhookParts]()
Parts = Annotated[WebhookParts, Depends(WEBHOOKS)]

MOST_ENDPOINTS = 200
MOST_RANGES = 20
"""Redeliveries of one webhook that may wait."""

_WEBHOOK_ID = r"^wh_[0-9a-f]{16}$"
WebhookId = Annotated[str, Path(pattern=_WEBHOOK_ID)]


async def require_webhook_in_scope(request: Request, caller: Caller) -> None:
    """Refuse a path whose webhook is unknown, or outside the caller's scope, in the same way.

    Both before the body is looked at: a bad body must not tell one from the other.

    Raises:
        Problem: 404.
    """
    if "webhook_id" not in request.path_params:
        return await require_room_in_scope(request, caller)
    webhook_id = request.path_params["webhook_id"]
    if re.fullmatch(_WEBHOOK_ID, webhook_id, re.ASCII):
        found = await WEBHOOKS.of(request.app).webhooks.get(webhook_id)
        if found is None or not glob_in_scope(caller, found.endpoint.room):
            raise _no_such_webhook(webhook_id)


Manages = Annotated[
    Caller, Depends(allow(Role.ROOM_SERVER, Role.ADMIN, in_scope=require_webhook_in_scope))
]
Type = Annotated[str, StringConstraints(max_length=60)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhook(_Body):
    url: str = Field(max_length=MAX_URL, description="URL that receives the events; https.")
    types: list[Type] = Field([], max_length=50, description="Types of the events; empty for all.")
    room: RoomGlob = Field(
        "*",
        description="Id of a room, or a glob over ids (`*`, `?`). It must lie within the key's"
        " rooms, and is theirs by default if the key is for one id or glob.",
    )
    description: PlainText = ""


class WebhookUpdate(_Body):
    enabled: bool = Field(
        description="An enabled webhook goes on where it was when it was disabled."
    )


class RedeliveryRequest(_Body):
    """One delivery attempt, or all events of a period."""

    delivery_id: str | None = Field(None, pattern=r"^dl_[0-9a-f]{16}$")
    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedWebhook(Endpoint):
    """New webhook with its secret, which is shown only once."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWebhook(Endpoint):
    """Webhook with its backlog.

    Attributes:
        failing: Whether the last attempts failed, so that the next ones come at growing intervals.
        waiting: Events that wait for delivery, counted up to 10,000.
    """

    failing: bool
    waiting: int
    waiting_since: Timestamp | None


@dataclass(frozen=True, slots=True)
class Webhooks:
    items: Sequence[ShownWebhook]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class RotatedSecret:
    """New secret of a webhook.

    Attributes:
        old_secret_until: End of the time in which each call is signed with both secrets.
    """

    secret: str
    old_secret_until: Timestamp


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


@router.post("/v1/webhooks", status_code=201, summary="Create a webhook")
async def create_webhook(
    body: NewWebhook, request: Request, response: Response, parts: Parts, caller: Manages
) -> CreatedWebhook:
    """The webhook receives the events from now on. The secret is shown only once."""
    room = body.room
    if "room" not in body.model_fields_set and len(caller.rooms) == 1:
        (room,) = caller.rooms
    require_new_in_scope(caller, room, what="`room`")
    _check_types(body.types)
    if len(await parts.webhooks.all()) >= MOST_ENDPOINTS:
        raise Problem(
            409, "Too many webhooks", f"there are {MOST_ENDPOINTS} already; delete one first"
        )
    await parts.webhook_sender.check(body.url)
    endpoint = Endpoint(
        id=new_id("wh"),
        url=body.url,
        types=sorted(set(body.types)),
        room=room,
        description=body.description,
        state=EndpointState.ENABLED,
        reason="",
        created_by=caller.name,
        created_at=parts.clock(),
    )
    secret = make_secret()
    await parts.webhooks.add(Sealed(endpoint, parts.seal.close(secret, endpoint.id)))
    parts.relay.wake()
    await record(request, caller, Action.WEBHOOK_ADDED, endpoint.id)
    log.info("webhook.added", webhook=endpoint.id, by=caller.key_id)
    response.headers["Location"] = f"/v1/webhooks/{endpoint.id}"
    return CreatedWebhook(**asdict(endpoint), secret=secret)


@router.get("/v1/webhooks", summary="List webhooks, oldest first")
async def list_webhooks(parts: Parts, caller: Manages) -> Webhooks:
    """A key that is scoped to rooms lists the webhooks of these rooms only."""
    endpoints = [one.endpoint for one in await parts.webhooks.all()]
    return Webhooks(
        [await _shown(parts, one) for one in endpoints if glob_in_scope(caller, one.room)]
    )


@router.get("/v1/webhooks/{webhook_id}", summary="Show a webhook with its state and backlog")
async def show_webhook(webhook_id: WebhookId, parts: Parts, _: Manages) -> ShownWebhook:
    return await _shown(parts, (await _find(parts, webhook_id, deleted=True)).endpoint)


@router.patch("/v1/webhooks/{webhook_id}", summary="Enable or disable a webhook")
async def update_webhook(
    webhook_id: WebhookId, body: WebhookUpdate, request: Request, parts: Parts, caller: Manages
) -> ShownWebhook:
    endpoint = (await _find(parts, webhook_id)).endpoint
    state = EndpointState.ENABLED if body.enabled else EndpointState.DISABLED
    if endpoint.state is not state:
        endpoint = replace(endpoint, state=state, reason=f"{state} by {caller.name}")
        await parts.webhooks.change(endpoint)
        await parts.relay.refresh(webhook_id)
        await record(request, caller, Action.WEBHOOK_CHANGED, webhook_id, state)
        log.info("webhook.changed", webhook=webhook_id, state=state, by=caller.key_id)
    return await _shown(parts, endpoint)


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, summary="Delete a webhook")
async def delete_webhook(
    webhook_id: WebhookId, request: Request, parts: Parts, caller: Manages
) -> None:
    """Waiting events are dropped. A record among its deliveries says so."""
    sealed = await _find(parts, webhook_id)
    await parts.relay.flush()
    waiting = (await parts.webhooks.waiting(sealed.endpoint)).events
    reason = f"deleted by {caller.name}; {waiting} events that waited were dropped"
    await parts.webhooks.delete(
        replace(sealed.endpoint, reason=reason), dropped_backlog(sealed, waiting, parts.clock())
    )
    await parts.relay.refresh(webhook_id)
    note = f"{waiting} events that waited were dropped"
    await record(request, caller, Action.WEBHOOK_DELETED, webhook_id, note)
    log.info("webhook.deleted", webhook=webhook_id, dropped=waiting, by=caller.key_id)


@router.post("/v1/webhooks/{webhook_id}/rotate", summary="Rotate a webhook's secret")
async def rotate_webhook_secret(
    webhook_id: WebhookId, request: Request, parts: Parts, caller: Manages
) -> RotatedSecret:
    """For 24 hours each call is signed with the new secret and the old one."""
    await _find(parts, webhook_id)
    secret, now = make_secret(), parts.clock()
    await parts.webhooks.rotate(webhook_id, parts.seal.close(secret, webhook_id), now)
    await parts.relay.refresh(webhook_id)
    await record(request, caller, Action.WEBHOOK_ROTATED, webhook_id)
    log.info("webhook.rotated", webhook=webhook_id, by=caller.key_id)
    return RotatedSecret(secret, now + OLD_SECRET_FOR)


@router.post("/v1/webhooks/{webhook_id}/ping", summary="Send a test event")
async def ping_webhook(webhook_id: WebhookId, parts: Parts, _: Manages) -> DeliveryAttempt:
    """The server sends `webhook.ping` once and answers with the attempt, within about 20 s."""
    try:
        delivery = await parts.relay.ping(await _find(parts, webhook_id))
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
    await _find(parts, webhook_id, deleted=True)
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
    endpoint = (await _find(parts, webhook_id)).endpoint
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


async def _find(parts: WebhookParts, webhook_id: str, *, deleted: bool = False) -> Sealed:
    found = await parts.webhooks.get(webhook_id)
    if found is None or (found.endpoint.state is EndpointState.DELETED and not deleted):
        raise _no_such_webhook(webhook_id)
    return found


def _no_such_webhook(webhook_id: str) -> Problem:
    return Problem(404, "No such webhook", f"no webhook has the id {webhook_id!r}")


async def _shown(parts: WebhookParts, endpoint: Endpoint) -> ShownWebhook:
    waiting = Waiting(0, None)
    if endpoint.state is not EndpointState.DELETED:
        waiting = await parts.webhooks.waiting(endpoint)
    return ShownWebhook(
        **asdict(endpoint),
        failing=parts.relay.is_failing(endpoint.id),
        waiting=waiting.events,
        waiting_since=waiting.oldest_at,
    )


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


def _check_types(types: Sequence[str]) -> None:
    for type_ in types:
        if type_ not in LOGGED:
            raise Problem(
                422,
                "Unknown event type",
                f"`types` has {type_[:60]!r}; the types are {', '.join(sorted(LOGGED))}",
            )
