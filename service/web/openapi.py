"""OpenAPI document: what FastAPI makes of the routes, with every refusal and every webhook body."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from service.access.idempotency import HEADER as IDEMPOTENCY_KEY
from service.feed.schemas import REF, data_schemas
from service.web.docstrings import describe_properties
from service.web.problems import ProblemResponse

_REFUSALS: Mapping[int, str] = {
    400: "The body or a cursor cannot be read",
    401: "The request has no valid key, token or signature",
    403: "The key's role or rooms do not allow this, or the call comes from another site",
    404: "Nothing has this id or name",
    409: "The current state does not allow this; `detail` says which state does",
    412: "It has changed since you read it",
    413: "The body is too large",
    415: "The body has the wrong content type",
    422: "A parameter or the body is not valid; `errors` says where",
    428: "The header `If-Match` is missing",
    429: "Too many unknown keys or tokens came from this address; see `Retry-After`",
    503: "The database or the transcriber is unavailable; `Retry-After` says when to try again",
}

BY_OPERATION: Mapping[str, tuple[int, ...]] = {
    "check_readiness": (503,),
    "show_rules": (401,),
    "sign_in": (401, 403, 429, 503),
    "sign_out": (403, 503),
    "create_key": (409,),
    "revoke_key": (409,),
    "put_pack": (412,),
    "roll_back_pack": (412,),
    "report_rules": (404,),
    "backtest_packs": (409,),
    "open_room": (409,),
    "change_room": (409,),
    "create_publish_token": (409,),
    "publish_track": (401, 403, 409, 429, 503),
    "add_candidates": (401, 403, 409, 412, 428, 429, 503),
    "stop_publishing": (401, 403, 429, 503),
    "stream_events": (400,),
    "acknowledge_alert": (409,),
    "resolve_alert": (409,),
    "reopen_alert": (409,),
    "assign_alert": (409,),
    "escalate_alert": (409,),
    "request_alert_action": (409,),
    "create_webhook": (409,),
    "redeliver_events": (409,),
    "receive_room_event": (401, 403, 409, 422, 503),
    "receive_janus_events": (401, 422, 429, 503),
    "create_hook_secret": (409,),
}
"""Refusals that an operation's parameters do not imply: operation id -> statuses."""

_PROBLEM = {
    "title": "Problem",
    "description": "A refusal (RFC 9457): `detail` says what is wrong, where, and the remedy.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "Identifier of the kind of problem; docs/problems.md lists them all.",
        },
        "title": {"type": "string", "description": "Short name of the kind of problem."},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "anyOf": [
                    {
                        "type": "object",
                        "required": ["where", "what"],
                        "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
                    },
                    {
                        "description": "An error of a policy pack",
                        "type": "object",
                        "required": ["line", "field", "problem", "remedy"],
                        "properties": {
                            "line": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                            "field": {"type": "string"},
                            "problem": {"type": "string"},
                            "remedy": {"type": "string"},
                        },
                    },
                ]
            },
        },
    },
}

_UNUSED = ("HTTPValidationError", "ValidationError")
"""FastAPI's own schemas of refusals, which this server never sends."""

_NAMES = {
    "policies__match__Action": "SuggestedAction",
    "service__alerts__alert__Outcome": "Outcome",
    "service__webhooks__delivery__Outcome": "DeliveryOutcome",
    "service__access__audit__Action": "AuditAction",
}
"""Names for schemas whose class has the same name in two modules."""


_EXAMPLES = ("example", "examples", "default", "const")
"""Keys of a schema whose values are data."""


class DescribedApp(FastAPI):
    """Application with a complete OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def complete(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with every refusal and the data of each webhook."""
    whole: dict[str, Any] = _renamed(document)
    schemas = whole["components"]["schemas"]
    for name in _UNUSED:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for path, _, operation in operations(whole):
        responses = operation["responses"]
        responses.pop("422", None)
        for status in refusals(path, operation):
            responses.setdefault(str(status), _refused(status))
    _describe_events(whole)
    _title_components_only(whole)
    for schema in schemas.values():
        describe_properties(schema)
    return whole


def _title_components_only(document: Mapping[str, Any]) -> None:
    """Give each named schema its name as title, and no other schema a title.

    Client generators name types after titles; two of the same title lose one of the types.
    """
    for section in ("paths", "webhooks", "components"):
        _remove_titles(document.get(section, {}))
    for name, schema in document["components"]["schemas"].items():
        schema["title"] = name


def _remove_titles(node: object) -> None:
    match node:
        case dict():
            if isinstance(node.get("title"), str):
                del node["title"]
            for key, value in node.items():
                if key not in _EXAMPLES:
                    _remove_titles(value)
        case list():
            for value in node:
                _remove_titles(value)


def _describe_events(document: Mapping[str, Any]) -> None:
    """Add the schema of `data` to the body of each webhook that carries an event."""
    of_types, named = data_schemas()
    schemas = document["components"]["schemas"]
    for name, schema in named.items():
        schemas.setdefault(name, schema)
    for type_, path in document.get("webhooks", {}).items():
        if type_ in of_types:
            media = path["post"]["requestBody"]["content"]["application/json"]
            media["schema"]["properties"]["data"] = of_types[type_]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the path, method (upper case) and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def refusals(path: str, operation: Mapping[str, Any]) -> list[int]:
    """Return the status of every refusal that a call can get."""
    found = set(BY_OPERATION.get(operation["operationId"], ()))
    parameters = operation.get("parameters", [])
    keyed = {"HTTPBearer": []} in operation.get("security", [])
    if keyed:
        found |= {401, 403, 429, 503}
    if path.startswith("/v1/") or parameters:
        found.add(422)  # paths under `/v1/` refuse unknown parameters
    if any(one["in"] == "path" for one in parameters):
        found.add(404)
    if any(one["name"] == "cursor" for one in parameters):
        found.add(400)
    if any(one["name"] == IDEMPOTENCY_KEY for one in parameters):
        found |= {400, 409}
    if "requestBody" in operation:
        found |= {400, 413, 415}
    return sorted(found)


def _refused(status: int) -> dict[str, Any]:
    media = {"schema": {"$ref": REF.format(model="Problem")}}
    return {
        "description": _REFUSALS[status],
        "content": {ProblemResponse.media_type: media},
    }


def _renamed(document: Mapping[str, Any]) -> Any:
    text = json.dumps(document)
    for long, short in _NAMES.items():
        text = text.replace(f'"{long}"', f'"{short}"').replace(f'/{long}"', f'/{short}"')
    return json.loads(text)
