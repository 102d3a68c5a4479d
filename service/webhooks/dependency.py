"""Parts that the routes of webhooks need, and the caller who may manage the webhook."""

from __future__ import annotations

import re
from typing import Annotated, Protocol

from fastapi import Depends, Path, Request

from service.access.authenticate import Caller
from service.access.dependency import allow, require_room_in_scope
from service.access.keys import Role
from service.access.scope import glob_in_scope
from service.access.sealing import Seal
from service.clock import Clock
from service.errors import Problem
from service.provider import Provider
from service.webhooks.endpoint import EndpointState, Sealed
from service.webhooks.ports import Sender, WebhookStore
from service.webhooks.relay import Relay


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


async def find_webhook(parts: WebhookParts, webhook_id: str, *, deleted: bool = False) -> Sealed:
    """Return the webhook.

    Args:
        deleted: Whether a deleted webhook counts as well.

    Raises:
        Problem: 404.
    """
    found = await parts.webhooks.get(webhook_id)
    if found is None or (found.endpoint.state is EndpointState.DELETED and not deleted):
        raise _no_such_webhook(webhook_id)
    return found


def _no_such_webhook(webhook_id: str) -> Problem:
    return Problem(404, "No such webhook", f"no webhook has the id {webhook_id!r}")
