"""Janus calls us here."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from service.access.authenticate import Door
from service.access.dependency import door_of
from service.provider import Provider
from service.rooms.janus.hook import Taken

router = APIRouter(tags=["hooks"])


class JanusEvents(Protocol):
    """Takes what Janus's event handler tells: `service.rooms.janus.hook.JanusHook`."""

    def check(self, authorization: str | None, door: Door) -> None:
        """Raises: Problem, 401, or 429 after too many wrong secrets."""
        ...

    async def receive(self, body: bytes) -> Taken:
        """Raises: Problem 422, the body is no event and no list of events."""
        ...


class JanusParts(Protocol):
    @property
    def janus(self) -> JanusEvents: ...


JANUS = Provider[JanusParts]()
Parts = Annotated[JanusParts, Depends(JANUS)]

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


@router.post("/v1/hooks/janus", summary="Receive the events of a Janus server", openapi_extra=_BODY)
async def receive_janus_events(
    request: Request, parts: Parts, _: Annotated[HTTPBasicCredentials | None, Security(_BASIC)]
) -> Taken:
    """From its event handler `sampleevh`. Rooms that `EARSHOT_LISTEN_TO` names are opened here as
    `SERVER:ROOM`, `janus:lounge` say, when somebody comes into them, and closed when they are
    destroyed.
    """
    parts.janus.check(request.headers.get("authorization"), door_of(request))
    return await parts.janus.receive(await request.body())
