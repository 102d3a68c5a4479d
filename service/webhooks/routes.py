"""Routes of webhook endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.idempotency import IdempotentRoute
from service.access.names import PlainText
from service.access.no_store import NO_STORE
from service.access.scope import RoomGlob, glob_in_scope, require_new_in_scope
from service.clock import Timestamp
from service.errors import Problem
from service.webhooks.address import MAX_URL
from service.webhooks.delivery_records import dropped_backlog
from service.webhooks.dependency import Manages, Parts, WebhookId, WebhookParts, find_webhook
from service.webhooks.endpoint import OLD_SECRET_FOR, Endpoint, EndpointState, Sealed, new_id
from service.webhooks.message import LOGGED
from service.webhooks.ports import Waiting
from service.webhooks.signing import make_secret

log = structlog.get_logger()

router = APIRouter(tags=["webhooks"], route_class=IdempotentRoute)

MOST_ENDPOINTS = 200
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


@router.post("/v1/webhooks", status_code=201, summary="Create a webhook", dependencies=[NO_STORE])
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
    return await _shown(parts, (await find_webhook(parts, webhook_id, deleted=True)).endpoint)


@router.patch("/v1/webhooks/{webhook_id}", summary="Enable or disable a webhook")
async def update_webhook(
    webhook_id: WebhookId, body: WebhookUpdate, request: Request, parts: Parts, caller: Manages
) -> ShownWebhook:
    endpoint = (await find_webhook(parts, webhook_id)).endpoint
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
    sealed = await find_webhook(parts, webhook_id)
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


@router.post(
    "/v1/webhooks/{webhook_id}/rotate",
    summary="Rotate a webhook's secret",
    dependencies=[NO_STORE],
)
async def rotate_webhook_secret(
    webhook_id: WebhookId, request: Request, parts: Parts, caller: Manages
) -> RotatedSecret:
    """For 24 hours each call is signed with the new secret and the old one."""
    await find_webhook(parts, webhook_id)
    secret, now = make_secret(), parts.clock()
    await parts.webhooks.rotate(webhook_id, parts.seal.close(secret, webhook_id), now)
    await parts.relay.refresh(webhook_id)
    await record(request, caller, Action.WEBHOOK_ROTATED, webhook_id)
    log.info("webhook.rotated", webhook=webhook_id, by=caller.key_id)
    return RotatedSecret(secret, now + OLD_SECRET_FOR)


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


def _check_types(types: Sequence[str]) -> None:
    for type_ in types:
        if type_ not in LOGGED:
            raise Problem(
                422,
                "Unknown event type",
                f"`types` has {type_[:60]!r}; the types are {', '.join(sorted(LOGGED))}",
            )
