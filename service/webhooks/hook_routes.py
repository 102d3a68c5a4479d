"""Routes of room servers: their events, and the secrets that sign them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Protocol

import structlog
from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import Role
from service.access.no_store import NO_STORE
from service.access.scope import MOST_GLOBS, RoomGlob
from service.access.sealing import Seal
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.webhooks.endpoint import new_id
from service.webhooks.hook_event import TYPES
from service.webhooks.inbound import (
    HookOutcome,
    Hooks,
    HookSecret,
    HookStore,
    SealedHookSecret,
)
from service.webhooks.signing import make_secret

log = structlog.get_logger()

router = APIRouter(tags=["hooks"], route_class=IdempotentRoute)


class HookParts(Protocol):
    @property
    def hooks(self) -> Hooks: ...
    @property
    def hook_store(self) -> HookStore: ...
    @property
    def seal(self) -> Seal: ...
    @property
    def clock(self) -> Clock: ...


HOOKS = Provider[HookParts]()
Parts = Annotated[HookParts, Depends(HOOKS)]

PATH = "/v1/hooks/rooms"

_SIGNATURE = APIKeyHeader(
    name="webhook-signature",
    scheme_name="StandardWebhooks",
    auto_error=False,
    description="Standard Webhooks: with `webhook-id` and `webhook-timestamp`.",
)
Manages = Annotated[Caller, Depends(allow(Role.ADMIN))]
SecretId = Annotated[str, Path(pattern=r"^hs_[0-9a-f]{16}$")]

_EVENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["type", "data"],
                    "properties": {
                        "type": {"type": "string", "examples": list(TYPES)},
                        "timestamp": {"type": "string", "format": "date-time"},
                        "data": {"type": "object"},
                    },
                }
            }
        },
    }
}


class NewHookSecret(BaseModel):
    model_config = ConfigDict(extra="forbid")

    room_server: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Name of the room server."
    )
    rooms: list[RoomGlob] = Field(
        [],
        max_length=MOST_GLOBS,
        description="Ids of the rooms that the secret's calls may be about, or globs over ids"
        " (`*`, `?`); empty for all.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedHookSecret(HookSecret):
    secret: str


@dataclass(frozen=True, slots=True)
class HookSecrets:
    items: Sequence[HookSecret]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class HookReceipt:
    outcome: HookOutcome


@router.post(
    PATH,
    summary="Receive an event of a room server",
    openapi_extra=_EVENT,
    responses={202: {"model": HookReceipt, "description": "The event needs no action"}},
)
async def receive_room_event(
    request: Request,
    response: Response,
    parts: Parts,
    _: Annotated[str | None, Security(_SIGNATURE)],
) -> HookReceipt:
    """The event is signed by Standard Webhooks with a secret of `POST /v1/hooks/secrets`.

    200: the server has acted on the event, now or earlier. 202: the event needs no action.
    """
    done = await parts.hooks.receive(request.headers, await request.body())
    if done in (HookOutcome.IGNORED, HookOutcome.NOT_LISTENED):
        response.status_code = 202
    return HookReceipt(done)


@router.post(
    "/v1/hooks/secrets",
    status_code=201,
    summary="Create a secret for a room server",
    dependencies=[NO_STORE],
)
async def create_hook_secret(
    body: NewHookSecret, request: Request, parts: Parts, caller: Manages
) -> CreatedHookSecret:
    """The secret is shown only once. A room server may have two, so that it can rotate them."""
    secret = make_secret()
    shown = HookSecret(
        new_id("hs"), body.room_server, caller.name, parts.clock(), tuple(body.rooms)
    )
    await parts.hook_store.add_secret(SealedHookSecret(shown, parts.seal.close(secret, shown.id)))
    reason = f"for {body.room_server}"
    await record(request, caller, Action.HOOK_SECRET_ADDED, shown.id, reason)
    log.info("hook.secret_added", secret=shown.id, by=caller.key_id)
    return CreatedHookSecret(**asdict(shown), secret=secret)


@router.get("/v1/hooks/secrets", summary="List the secrets of room servers")
async def list_hook_secrets(parts: Parts, _: Manages) -> HookSecrets:
    return HookSecrets([one.shown for one in await parts.hook_store.secrets()])


@router.delete(
    "/v1/hooks/secrets/{secret_id}", status_code=204, summary="Delete a room server's secret"
)
async def delete_hook_secret(
    secret_id: SecretId, request: Request, parts: Parts, caller: Manages
) -> None:
    if not await parts.hook_store.remove_secret(secret_id):
        raise Problem(404, "No such secret", f"no secret has the id {secret_id!r}")
    await record(request, caller, Action.HOOK_SECRET_REMOVED, secret_id)
    log.info("hook.secret_removed", secret=secret_id, by=caller.key_id)
