"""Messages of Janus's protocol: their fields and errors. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.rooms.connector import RoomLost, RoomRefused

_SESSION_GONE = 458
_UNAUTHORISED = 403
"""Codes of Janus's own errors."""


def check_answer(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an answer that is not an error.

    Raises:
        RoomLost: Janus does not know our session.
        RoomRefused: Janus refuses the request.
    """
    if message["janus"] != "error":
        return message
    error = get_object(message, "error")
    code, reason = error.get("code"), str(error.get("reason", ""))
    if code == _UNAUTHORISED:
        raise RoomRefused(
            "Janus refuses us: EARSHOT_JANUS_API_SECRET or _TOKEN is wrong or missing"
        )
    if code == _SESSION_GONE:
        raise RoomLost("Janus does not know our session any more")
    raise RoomRefused(f"Janus says: {reason[:200]} ({code})")


def parse_message(text: str | bytes) -> Mapping[str, Any]:
    """Parse a message. Raises: RoomLost: it is not a JSON object."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_janus() from error
    if not isinstance(message, dict):
        raise _not_janus()
    return message


def require_field(message: Mapping[str, Any], *path: str) -> Any:
    """Return a field that Janus's protocol requires. Raises: RoomLost: it is missing."""
    value: Any = message
    try:
        for step in path:
            value = value[step]
    except (KeyError, TypeError) as error:
        raise _not_janus() from error
    return value


def get_object(message: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside the message, or an empty one. Raises: RoomLost: not an object."""
    part = message.get(name, {})
    if not isinstance(part, dict):
        raise _not_janus()
    return part


def get_sdp(message: Mapping[str, Any]) -> str | None:
    """Return the session description that comes with the message, if any."""
    sdp = get_object(message, "jsep").get("sdp")
    return None if sdp is None else str(sdp)


def _not_janus() -> RoomLost:
    return RoomLost("what answers is not Janus: it does not speak its protocol")
