"""The OpenAPI document, beyond what the routes say themselves: how each call may be refused, and
what each webhook carries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from service.access.same_origin import SAFE_METHODS
from service.feed.schemas import REF, data_schemas
from service.web.problems import ProblemResponse

_REFUSALS: Mapping[int, str] = {
    400: "The body or a cursor cannot be read",
    401: "No valid key, token or signature",
    403: "The key's role may not do this, or the call comes from another site",
    404: "There is no such thing",
    409: "The state of things does not allow it; `detail` says what does",
    412: "It has changed meanwhile",
    413: "The body is too large",
    415: "The body is of another content type",
    422: "A parameter, or the body, is not valid; `errors` says where",
    428: "The header `If-Match` is missing",
    429: "Too many unknown keys came from this address; `Retry-After` says when to come back",
    503: "The database or the recogniser is away; `Retry-After` says when to come back",
}

BY_OPERATION: Mapping[str, tuple[int, ...]] = {
    "readyz": (503,),
    "rules": (401,),
    "sign_in": (401, 403, 429, 503),
    "sign_out": (403, 503),
    "revoke_key": (409,),
    "list_keys": (403,),
    "list_audit": (403,),
    "put_policies": (412,),
    "show_policies": (403,),
    "list_versions": (403,),
    "show_version": (403,),
    "roll_back": (412,),
    "report": (403,),
    "back_test": (409,),
    "open_room": (409,),
    "make_publish_token": (409,),
    "publish": (401, 403, 409, 503),
    "trickle": (401, 403, 409, 412, 428, 503),
    "end": (401, 403, 503),
    "feed": (400,),
    "acknowledge": (409,),
    "resolve": (409,),
    "reopen": (409,),
    "assign": (409,),
    "act": (409,),
    "list_webhooks": (403,),
    "add_webhook": (409,),
    "show_webhook": (403,),
    "list_deliveries": (403,),
    "redeliver": (409,),
    "receive_hook": (401, 409, 422, 503),
    "receive_janus": (401, 422, 429, 503),
    "list_hook_secrets": (403,),
    "add_hook_secret": (409,),
}
"""What cannot be told from an operation's parameters."""

_PROBLEM = {
    "title": "Problem",
    "description": "A refusal (RFC 9457): `detail` says what, where and the remedy.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The kind of refusal, the same each time."},
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

_OURS = ("HTTPValidationError", "ValidationError")
"""FastAPI's own refusals, which are never sent."""

_NAMES = {
    "policies__match__Action": "SuggestedAction",
    "service__alerts__alert__Outcome": "Outcome",
    "service__webhooks__delivery__Outcome": "DeliveryOutcome",
    "service__access__audit__Action": "AuditAction",
}
"""Schemas that share a name in different modules."""


class DescribedApp(FastAPI):
    """An application whose document is complete."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def complete(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with every refusal, and with the data of each webhook."""
    whole: dict[str, Any] = _renamed(document)
    schemas = whole["components"]["schemas"]
    for name in _OURS:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for path, method, operation in operations(whole):
        responses = operation["responses"]
        responses.pop("422", None)
        for status in refusals(path, method, operation):
            responses.setdefault(str(status), _refused(status))
    _describe_events(whole)
    return whole


def _describe_events(document: Mapping[str, Any]) -> None:
    """What `data` is in the body of each webhook that tells of an event."""
    of_types, named = data_schemas()
    schemas = document["components"]["schemas"]
    for name, schema in named.items():
        schemas.setdefault(name, schema)
    for type_, path in document.get("webhooks", {}).items():
        if type_ in of_types:
            media = path["post"]["requestBody"]["content"]["application/json"]
            media["schema"]["properties"]["data"] = of_types[type_]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def refusals(path: str, method: str, operation: Mapping[str, Any]) -> list[int]:
    """The statuses of every refusal that a call can meet."""
    found = set(BY_OPERATION.get(operation["operationId"], ()))
    parameters = operation.get("parameters", [])
    keyed = {"HTTPBearer": []} in operation.get("security", [])
    if keyed:
        found |= {401, 403, 429, 503} if method not in SAFE_METHODS else {401, 429, 503}
    if path.startswith("/v1/") or parameters:
        found.add(422)  # any `/v1/` path refuses parameters that it does not take
    if any(one["in"] == "path" for one in parameters):
        found.add(404)
    if any(one["name"] == "cursor" for one in parameters):
        found.add(400)
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
