"""HTTP route that Janus's event handler calls."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from service.access.authenticate import Door
from service.access.dependency import door_of
from service.access.idempotency import IdempotentRoute
from service.provider import Provider
from service.rooms.janus.hook import JanusHookOutcome

router = APIRouter(tags=["hooks"], route_class=IdempotentRoute)


class JanusEvents(Protocol):
    """Handles the events of Janus's event handler: `service.rooms.janus.hook.JanusHook`."""

    def check(self, authorization: str | None, door: Door) -> None:
        """Check the secret. Raises: Problem 401, or 429 after too many wrong secrets."""
        ...

    async def receive(self, body: bytes) -> JanusHookOutcome:
        """Act on events. Raises: Problem 422: the body is neither an event nor a list of events."""
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
"""Shows the lock in OpenAPI. `JanusEvents.check` does the refusing."""

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
) -> JanusHookOutcome:
    """Events of Janus's event handler `sampleevh`. A room that `EARSHOT_LISTEN_TO` names is opened
    here as `SERVER:ROOM`, such as `janus:lounge`, when somebody enters it, and closed when it is
    destroyed.
    """
    parts.janus.check(request.headers.get("authorization"), door_of(request))
    return await parts.janus.receive(await request.body())
