"""Problem documents (RFC 9457): `application/problem+json` for every refusal.

None carries a traceback or repeats the input.
"""

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
from service.web.problem_types import type_of, type_of_status

log = structlog.get_logger()

_REMEDIES = {
    400: "the body cannot be read; send JSON in UTF-8, not nested deeply and without huge numbers",
    404: "no such path; /openapi.json lists them all",
    405: "this path does not take that method; the Allow header says which it takes",
    413: "the body is larger than this path takes; send less",
}
_SHOWN = 200
"""Longest part of a client's input that a refusal repeats, in characters."""


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def install_problems(app: FastAPI) -> None:
    """Answer with a problem document wherever a request fails."""

    @app.exception_handler(Problem)
    async def refused(request: Request, error: Problem) -> ProblemResponse:
        return _respond(request, type_of(error.status, error.title), error)

    @app.exception_handler(HTTPException)
    async def http_refused(request: Request, error: HTTPException) -> ProblemResponse:
        detail = _REMEDIES.get(error.status_code, str(error.detail))
        return _respond_to_status(request, error.status_code, detail, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        return await refused(request, _invalid(request, error))

    @app.exception_handler(ClientDisconnect)
    async def disconnected(request: Request, error: ClientDisconnect) -> ProblemResponse:
        return await refused(request, Problem(400, "Incomplete body", "the connection ended early"))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> ProblemResponse:
        log.error("http.failed", method=request.method, error=type(error).__name__)
        return await refused(request, Problem(500, "Internal error", "the server's log says more"))


def too_large(request: Request, limit: int) -> ProblemResponse:
    """Return a 413 for a body of more than `limit` bytes, before the body is read."""
    detail = f"this path takes a body of {limit} bytes at most; send less"
    return _respond_to_status(request, 413, detail, None)


def _respond_to_status(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None
) -> ProblemResponse:
    problem = Problem(status, HTTPStatus(status).phrase, detail, headers=headers)
    return _respond(request, type_of_status(status), problem)


def _respond(request: Request, type_: str, problem: Problem) -> ProblemResponse:
    document = {
        "type": type_,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": quote(request.scope["path"])[:_SHOWN],
        **problem.extra,
    }
    headers = {"X-Content-Type-Options": "nosniff", **problem.headers}
    return ProblemResponse(document, problem.status, headers=headers)


def _invalid(request: Request, error: RequestValidationError) -> Problem:
    if _has_wrong_type(request, error):
        detail = "the body is not sent as JSON; send `Content-Type: application/json`"
        return Problem(415, "Wrong content type", detail)
    faults = [_fault(fault) for fault in error.errors()]
    detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:5])
    return Problem(422, "Invalid request", detail, extra={"errors": faults[:50]})


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    where = ".".join(str(part) for part in error["loc"])[:_SHOWN]
    what = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "json_invalid":
        what = f"not JSON from character {error['loc'][-1]} on: {error['ctx']['error']}"
        where = "body"
    elif tuple(error["loc"]) == ("body",) and error["type"] == "missing":
        what = "nothing was sent; send a JSON object"
    return {"where": where, "what": what}


def _has_wrong_type(request: Request, error: RequestValidationError) -> bool:
    """Return whether the body was not parsed because its content type is not JSON."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = declared == "application/json" or (
        declared.startswith("application/") and "+json" in declared
    )
    return not is_json and any(
        fault["loc"] == ("body",) and fault["type"] != "missing" for fault in error.errors()
    )
