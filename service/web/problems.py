"""Every refusal as `application/problem+json` (RFC 9457); no traceback and no input echoed back."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.errors import Problem

log = structlog.get_logger()

_REMEDIES = {
    400: "the body cannot be read; send JSON in UTF-8, not nested deeply and without huge numbers",
    404: "no such path; /openapi.json lists them all",
    405: "this path does not take that method; the Allow header says which it takes",
    413: "the body is larger than this path takes; send less",
}
_SHOWN = 200
"""Of what a client sent, characters that a refusal repeats at most."""


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def install_problems(app: FastAPI) -> None:
    """Turn each way a request can fail into a problem document."""

    @app.exception_handler(Problem)
    async def refused(request: Request, error: Problem) -> ProblemResponse:
        return _respond(
            request, error.status, error.title, error.detail, error.headers, error.extra
        )

    @app.exception_handler(HTTPException)
    async def http_refused(request: Request, error: HTTPException) -> ProblemResponse:
        title = HTTPStatus(error.status_code).phrase
        detail = _REMEDIES.get(error.status_code, str(error.detail))
        return _respond(request, error.status_code, title, detail, error.headers or {}, {})

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        faults = [_fault(fault) for fault in error.errors()]
        if _unread(request, error):
            detail = "the body is not sent as JSON; send `Content-Type: application/json`"
            return _respond(request, 415, "Wrong content type", detail, {}, {})
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:5])
        return _respond(request, 422, "Invalid request", detail, {}, {"errors": faults[:50]})

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> ProblemResponse:
        return _respond(request, 400, "Incomplete body", "the connection ended early", {}, {})

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> ProblemResponse:
        log.error("http.failed", method=request.method, error=type(error).__name__)
        return _respond(request, 500, "Internal error", "the server's log says more", {}, {})


def too_large(request: Request, limit: int) -> ProblemResponse:
    """413, for whoever refuses a body before it is read."""
    detail = f"this path takes a body of {limit} bytes at most; send less"
    return _respond(request, 413, HTTPStatus(413).phrase, detail, {}, {})


def _respond(
    request: Request,
    status: int,
    title: str,
    detail: str,
    headers: Mapping[str, str],
    extra: Mapping[str, Any],
) -> ProblemResponse:
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": quote(request.scope["path"])[:_SHOWN],
    }
    harmless = {"X-Content-Type-Options": "nosniff", **headers}
    return ProblemResponse({**document, **extra}, status, headers=harmless)


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    where = ".".join(str(part) for part in error["loc"])[:_SHOWN]
    what = str(error["msg"])
    if error["type"] == "json_invalid":
        what = f"not JSON from character {error['loc'][-1]} on: {error['ctx']['error']}"
        where = "body"
    elif tuple(error["loc"]) == ("body",) and error["type"] == "missing":
        what = "nothing was sent; send a JSON object"
    return {"where": where, "what": what}


def _unread(request: Request, error: RequestValidationError) -> bool:
    """The body was not looked into, because it was not said to be JSON."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    as_json = said == "application/json" or (said.startswith("application/") and "+json" in said)
    return not as_json and any(
        fault["loc"] == ("body",) and fault["type"] != "missing" for fault in error.errors()
    )
