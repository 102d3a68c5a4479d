"""Webhooks over HTTP: who is told, what was tried, and telling again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.access.audit import Action
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.access.on_record import record
from service.access.sealing import CannotOpen, Seal
from service.clock import Clock, Moment, Timestamp
from service.errors import Problem
from service.feed.ports import Recorded
from service.provider import Provider
from service.webhooks.address import MAX_URL
from service.webhooks.delivery import Delivery, Head, Outcome
from service.webhooks.endpoint import OLD_SECRET_FOR, Endpoint, Sealed, State, new_id
from service.webhooks.lane import CONTENT
from service.webhooks.message import LOGGED, body_of
from service.webhooks.ports import Lane, Sender, Waiting, WebhookStore
from service.webhooks.relay import UNREADABLE, Relay, dropped
from service.webhooks.signing import make_secret

log = structlog.get_logger()

router = APIRouter(tags=["webhooks"])


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

WebhookId = Annotated[str, Path(pattern=r"^wh_[0-9a-f]{16}$")]
Manages = Annotated[Caller, Depends(allow(Role.ROOM_SERVER, Role.ADMIN))]
Type = Annotated[str, StringConstraints(max_length=60)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhook(_Body):
    url: str = Field(max_length=MAX_URL, description="Where to; https.")
    types: list[Type] = Field([], max_length=50, description="Types of events; empty: all.")
    room: str = Field(
        "*",
        pattern=r"^[A-Za-z0-9._:@+=*?-]{1,128}$",
        description="Id of a room, or a glob over ids (`*`, `?`).",
    )
    description: str = Field("", max_length=200, pattern=PLAIN)


class Change(_Body):
    enabled: bool = Field(description="A disabled webhook goes on where it was once enabled.")


class Again(_Body):
    """One delivery, or all events of a stretch of time."""

    delivery_id: str | None = Field(None, pattern=r"^dl_[0-9a-f]{16}$")
    from_: Moment | None = Field(None, alias="from")
    to: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Endpoint):
    """A new webhook, with its secret, which is shown this once."""

    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWebhook(Endpoint):
    """
    Attributes:
        failing: The last attempts failed: what waits is tried at growing distances.
        waiting: Events it has not been told yet (counted up to 10,000).
    """

    failing: bool
    waiting: int
    waiting_since: Timestamp | None


@dataclass(frozen=True, slots=True)
class Webhooks:
    items: Sequence[ShownWebhook]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """Attributes:
    old_secret_until: Until then each call is signed with both.
    """

    secret: str
    old_secret_until: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDelivery(Delivery):
    """
    Attributes:
        request_headers: As they were sent.
        request_body: As it was sent; null once the event has expired.
        response: The first 2 kB of the answer, as text.
    """

    request_headers: dict[str, str]
    request_body: str | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    items: Sequence[ShownDelivery]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Redelivery:
    """The events with these ids, as far as the webhook wants them, are sent again."""

    first_event_id: int
    last_event_id: int


@router.post("/v1/webhooks", status_code=201, summary="Create a webhook")
async def create_webhook(
    body: NewWebhook, request: Request, response: Response, parts: Parts, caller: Manages
) -> Made:
    """It is told of what happens from now on. The secret is shown this once."""
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
        room=body.room,
        description=body.description,
        state=State.ENABLED,
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
    return Made(**asdict(endpoint), secret=secret)


@router.get("/v1/webhooks", summary="List webhooks, oldest first")
async def list_webhooks(parts: Parts, _: Manages) -> Webhooks:
    return Webhooks([await _shown(parts, one.endpoint) for one in await parts.webhooks.all()])


@router.get("/v1/webhooks/{webhook_id}", summary="Show a webhook with its state and backlog")
async def show_webhook(webhook_id: WebhookId, parts: Parts, _: Manages) -> ShownWebhook:
    return await _shown(parts, (await _find(parts, webhook_id, deleted=True)).endpoint)


@router.patch("/v1/webhooks/{webhook_id}", summary="Enable or disable a webhook")
async def update_webhook(
    webhook_id: WebhookId, body: Change, request: Request, parts: Parts, caller: Manages
) -> ShownWebhook:
    endpoint = (await _find(parts, webhook_id)).endpoint
    state = State.ENABLED if body.enabled else State.DISABLED
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
    """What waited for it is dropped; that is on record among its deliveries."""
    sealed = await _find(parts, webhook_id)
    await parts.relay.flush()
    waiting = (await parts.webhooks.waiting(sealed.endpoint)).events
    reason = f"deleted by {caller.name}; {waiting} events that waited were dropped"
    await parts.webhooks.delete(
        replace(sealed.endpoint, reason=reason), dropped(sealed, waiting, parts.clock())
    )
    await parts.relay.refresh(webhook_id)
    told = f"{waiting} events that waited were dropped"
    await record(request, caller, Action.WEBHOOK_DELETED, webhook_id, told)
    log.info("webhook.deleted", webhook=webhook_id, dropped=waiting, by=caller.key_id)


@router.post("/v1/webhooks/{webhook_id}/rotate", summary="Rotate a webhook's secret")
async def rotate_webhook_secret(
    webhook_id: WebhookId, request: Request, parts: Parts, caller: Manages
) -> Rotated:
    """For 24 hours each call is signed with the new secret and the one before it."""
    await _find(parts, webhook_id)
    secret, now = make_secret(), parts.clock()
    await parts.webhooks.rotate(webhook_id, parts.seal.close(secret, webhook_id), now)
    await parts.relay.refresh(webhook_id)
    await record(request, caller, Action.WEBHOOK_ROTATED, webhook_id)
    log.info("webhook.rotated", webhook=webhook_id, by=caller.key_id)
    return Rotated(secret, now + OLD_SECRET_FOR)


@router.post("/v1/webhooks/{webhook_id}/ping", summary="Send a test event")
async def ping_webhook(webhook_id: WebhookId, parts: Parts, _: Manages) -> ShownDelivery:
    """Sends `webhook.ping` once and answers with what came of it, within 20 s or so."""
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
    webhook_id: WebhookId, body: Again, request: Request, parts: Parts, caller: Manages
) -> Redelivery:
    """Beside what happens now, in their order, each under the `webhook-id` it had.

    Give `delivery_id`, or `from` and, unless it is now, `to`.
    """
    endpoint = (await _find(parts, webhook_id)).endpoint
    if endpoint.state is not State.ENABLED:
        raise Problem(409, "Webhook disabled", f"webhook {webhook_id} is disabled; enable it first")
    await parts.relay.flush()
    if sum(lane.endpoint_id == webhook_id for lane in await parts.webhooks.lanes()) > MOST_RANGES:
        raise Problem(
            409, "Redelivering already", f"{MOST_RANGES} redeliveries are under way; wait for them"
        )
    first, last = await _range(parts.webhooks, webhook_id, body, parts.clock())
    lane = Lane(f"{webhook_id}.{new_id('again')}", webhook_id, first - 1, last, last, Head())
    await parts.webhooks.redeliver(lane)
    parts.relay.wake()
    reason = f"events {first} to {last}"
    await record(request, caller, Action.WEBHOOK_REDELIVERED, webhook_id, reason)
    log.info("webhook.redelivers", webhook=webhook_id, first=first, last=last, by=caller.key_id)
    return Redelivery(first, last)


async def _range(
    store: WebhookStore, webhook_id: str, body: Again, now: datetime
) -> tuple[int, int]:
    if body.delivery_id is not None and body.from_ is None and body.to is None:
        found = await store.delivery(webhook_id, body.delivery_id)
        if found is None:
            raise Problem(404, "No such delivery", "it has expired, or is another webhook's")
        if found.event_id is None:
            raise Problem(409, "Not an event", f"a {found.type or 'drop'} cannot be sent again")
        return found.event_id, found.event_id
    if body.delivery_id is not None or body.from_ is None:
        raise Problem(422, "What to send", "give either `delivery_id`, or `from` and `to`")
    span = await store.span(body.from_, body.to or now + timedelta(seconds=1))
    if span is None:
        raise Problem(404, "No events", "nothing that is kept happened then")
    return span


async def _find(parts: WebhookParts, webhook_id: str, *, deleted: bool = False) -> Sealed:
    found = await parts.webhooks.get(webhook_id)
    if found is None or (found.endpoint.state is State.DELETED and not deleted):
        raise Problem(404, "No such webhook", f"no webhook has the id {webhook_id!r}")
    return found


async def _shown(parts: WebhookParts, endpoint: Endpoint) -> ShownWebhook:
    waiting = Waiting(0, None)
    if endpoint.state is not State.DELETED:
        waiting = await parts.webhooks.waiting(endpoint)
    return ShownWebhook(
        **asdict(endpoint),
        failing=parts.relay.is_failing(endpoint.id),
        waiting=waiting.events,
        waiting_since=waiting.oldest_at,
    )


def _shown_delivery(delivery: Delivery, event: Recorded | None) -> ShownDelivery:
    headers = dict(CONTENT) if delivery.message_id else {}
    if delivery.message_id:
        headers["webhook-id"] = delivery.message_id
        headers["webhook-timestamp"] = str(int(delivery.at.timestamp()))
        headers["webhook-signature"] = delivery.signature
    body = delivery.body if event is None else body_of(event).decode()
    fields: dict[str, Any] = asdict(delivery)
    return ShownDelivery(**fields, request_headers=headers, request_body=body)


def _check_types(types: Sequence[str]) -> None:
    for type_ in types:
        if type_ not in LOGGED:
            raise Problem(
                422,
                "Unknown event type",
                f"`types` has {type_[:60]!r}; the types are {', '.join(sorted(LOGGED))}",
            )
