"""Every refusal as `application/problem+json` (RFC 9457); no traceback and no input echoed back."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.errors import Problem

log = structlog.get_logger()

_REMEDIES = {
    404: "no such path; /openapi.json lists them all",
    405: "this path does not take that method; the Allow header says which it takes",
    413: "the body is too large; send less",
}


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
        faults = [
            {"where": ".".join(str(part) for part in fault["loc"]), "what": str(fault["msg"])}
            for fault in error.errors()
        ]
        detail = "; ".join(f"{fault['where']}: {fault['what']}" for fault in faults[:5])
        return _respond(request, 422, "Invalid request", detail, {}, {"errors": faults[:50]})

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> ProblemResponse:
        log.error("http.failed", method=request.method, error=type(error).__name__)
        return _respond(request, 500, "Internal error", "the server's log says more", {}, {})


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
        "instance": request.url.path,
    }
    return ProblemResponse({**document, **extra}, status, headers=dict(headers))
