"""Limit on the size of request bodies.

A body that declares too great a length is refused unread; any other, when it passes the limit.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.web.problems import too_large

MAX_BODY_BYTES = 1_000_000


class BodyLimit:
    """ASGI middleware that refuses large bodies.

    Args:
        exceptions: Limits of single path prefixes, in bytes.
    """

    def __init__(self, app: ASGIApp, exceptions: dict[str, int]) -> None:
        self._app = app
        self._exceptions = exceptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        request = Request(scope)
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > limit:
            await too_large(request, limit)(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, bounded, send)

    def _limit(self, path: str) -> int:
        for prefix, limit in self._exceptions.items():
            if path.startswith(prefix):
                return limit
        return MAX_BODY_BYTES
