"""Janus calls us here. Reads `app.state`: `janus_hook` (a `JanusHook`), `attempts`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from service.access.dependency import door_of
from service.rooms.janus.hook import JanusHook, Taken

router = APIRouter(tags=["hooks"])

_BASIC = HTTPBasic(
    auto_error=False,
    scheme_name="JanusHookSecret",
    description="EARSHOT_JANUS_HOOK_SECRET as the password; or as a bearer token.",
)
"""Shows the lock in OpenAPI; the refusals are ours."""

_EVENT = {
    "type": "object",
    "properties": {
        "emitter": {"type": "string", "description": "Name of the Janus server."},
        "type": {"type": "integer", "description": "64: an event of a plugin."},
        "event": {"type": "object"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT}]}}
        },
    }
}


@router.post("/v1/hooks/janus", summary="A Janus server's events", openapi_extra=_BODY)
async def receive_janus(
    request: Request, _: Annotated[HTTPBasicCredentials | None, Security(_BASIC)]
) -> Taken:
    """From its event handler `sampleevh`. Rooms that `EARSHOT_LISTEN_TO` names are opened here as
    `SERVER:ROOM`, `janus:lounge` say, when somebody comes into them, and closed when they are
    destroyed.
    """
    hook: JanusHook = request.app.state.janus_hook
    hook.check(request.headers.get("authorization"), door_of(request))
    return await hook.receive(await request.body())
