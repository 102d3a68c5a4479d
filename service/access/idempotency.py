"""Route class that takes the header `Idempotency-Key` on every POST that acts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from service.access.answers import MOST_BYTES, Answers
from service.access.dependency import identify_caller
from service.access.keyed_request import Claim, KeyedRequest, StoredAnswer
from service.access.parts import ACCESS
from service.errors import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Header of an answer that was stored by an earlier request."""

EXEMPT: Mapping[str, str] = {
    "sign_in": "it is called without a key, and its cookie is for one page",
    "receive_room_event": "its `webhook-id` has the same use",
    "receive_janus_events": "Janus sends no such header",
    "check_pack": "it changes nothing",
    "match_text": "it changes nothing",
    "backtest_packs": "it changes nothing",
}
"""POST routes under `/v1/` that ignore the header: name -> reason."""

REPEATABLE: Mapping[str, str] = {
    "open_room": "the second time finds the room open",
    "request_alert_action": "the action's id is derived from the key",
    "report_action_result": "the first result stands, and the same again changes nothing",
    "create_publish_token": "a token that nobody was given admits nobody",
    "acknowledge_alert": "the alert's state allows it once",
    "resolve_alert": "the alert's state allows it once",
    "reopen_alert": "the alert's state allows it once",
}
"""Routes that are carried out again where the first run was cut short: name -> reason."""

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_KEPT_HEADERS = ("location", "cache-control", "etag", "content-type")
_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Random text of the client's choice. The same request with the same key within "
    "24 hours gets the first answer and does nothing again.",
}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotentRoute(APIRoute):
    """Route whose POST may carry an `Idempotency-Key`; other methods are as usual."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.takes_key:
            extra = dict(self.openapi_extra or {})
            others = [one for one in extra.get("parameters", []) if one["name"] != HEADER]
            self.openapi_extra = {**extra, "parameters": [*others, _PARAMETER]}

    @property
    def takes_key(self) -> bool:
        return self.methods == {"POST"} and self.name not in EXEMPT

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        if not self.takes_key:
            return handle

        async def answer(request: Request) -> Response:
            given = request.headers.getlist(HEADER)
            if not given:
                return await handle(request)
            return await _answer_once(request, parse_key(given), self.name, handle)

        return answer


def parse_key(given: list[str]) -> str:
    """Return the key, with or without the quotes of a structured header (RFC 8941).

    Args:
        given: Values of the header.

    Raises:
        Problem: 400.
    """
    text = given[0].strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if len(given) > 1 or not _KEY.fullmatch(text):
        raise Problem(
            400,
            "Bad Idempotency-Key",
            f"{HEADER}: send one key of 1 to 255 visible ASCII characters, such as a UUID",
        )
    return text


def derive_id(request: Request, prefix: str) -> str:
    """Return an id for a new object; the same one for every repetition of a keyed request."""
    claim = claim_of(request)
    return f"{prefix}_{secrets.token_hex(8) if claim is None else claim.nonce}"


def claim_of(request: Request) -> Claim | None:
    """Return the claim of a keyed request; None for a request without a key."""
    claim: Claim | None = getattr(request.state, "idempotency", None)
    return claim


async def _answer_once(request: Request, key: str, name: str, handle: Handler) -> Response:
    caller = await identify_caller(request)
    answers: Answers = ACCESS.of(request.app).answers
    query = request.scope.get("query_string", b"")
    keyed = KeyedRequest(
        caller=caller.key_id,
        method=request.method,
        path=request.scope["path"],
        key=key,
        fingerprint=sha256(query + b"\0" + await request.body()).hexdigest(),
        operation=name,
        repeatable=name in REPEATABLE,
    )
    begun = await answers.begin(keyed)
    if isinstance(begun, StoredAnswer):
        return _replay(begun)
    request.state.idempotency = begun
    try:
        response = await handle(request)
    except Problem as refused:
        await _give_up(answers, keyed, begun, refused.status)
        raise
    except BaseException as error:
        await _give_up(answers, keyed, begun, 500 if not _is_refusal(error) else 400)
        raise
    if response.status_code >= 400:
        await _give_up(answers, keyed, begun, response.status_code)
    else:
        await answers.finish(keyed, begun, _stored(response))
    return response


async def _give_up(answers: Answers, keyed: KeyedRequest, claim: Claim, status: int) -> None:
    """Let a refused request be sent again; after an error of ours nobody knows what it did."""
    if status < 500:
        await answers.release(keyed, claim)
    else:
        answers.abandon(claim)


def _is_refusal(error: BaseException) -> bool:
    """Whether FastAPI refused the request before it reached the route's function."""
    return isinstance(error, (RequestValidationError, HTTPException))


def _stored(response: Response) -> StoredAnswer:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = bytes(response.body)
    kept = body.decode() if len(body) <= MOST_BYTES else None
    return StoredAnswer(response.status_code, headers, kept)


def _replay(answer: StoredAnswer) -> Response:
    """Raises: Problem 409, the answer was too long to be stored."""
    if answer.body is None:
        raise Problem(
            409,
            "Answer not stored",
            f"the first request was carried out; its answer has more than {MOST_BYTES} bytes and "
            "was not stored; read the object itself",
        )
    headers = {**answer.headers, REPLAYED: "true"}
    return Response(answer.body, answer.status, headers)
