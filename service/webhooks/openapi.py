"""The `webhooks` section of the OpenAPI document: each event type with an example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from service.alerts.action import ActionOutcome, ActionRequested
from service.webhooks.action_answer import LONGEST_REASON

EXAMPLES = Path(__file__).parent / "examples.json"
"""Example of each body: event type -> body. A test compares them with what is sent."""

_HEADERS = {
    "webhook-id": "The same for every delivery attempt of one event",
    "webhook-timestamp": "Time of this delivery attempt, in Unix seconds",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256; in a rotation two, separated by a space",
}

_ACTION_RESPONSES = {
    "200": {
        "description": "What became of the action; any other body means that it was delivered",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["outcome"],
                    "properties": {
                        "outcome": {"enum": list(ActionOutcome)},
                        "reason": {"type": "string", "maxLength": LONGEST_REASON},
                    },
                },
                "example": {"outcome": "done", "reason": "muted at the mixer"},
            }
        },
    }
}


def describe(app: FastAPI) -> None:
    """Add the section to the app's document."""
    for type_, example in json.loads(EXAMPLES.read_text("utf-8")).items():
        app.webhooks.post(
            type_,
            summary=f"Receive {type_}",
            operation_id=f"on_{type_.replace('.', '_')}",
            openapi_extra=_request(type_, example),
        )(_receiver)


async def _receiver() -> None:
    """Answer with 2xx within 20 s, to an action within 10 s; see docs/webhooks.md."""


def _request(type_: str, example: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": type_},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object"},
        },
    }
    extra = {"responses": _ACTION_RESPONSES} if type_ == ActionRequested.type else {}
    return extra | {
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        },
    }
