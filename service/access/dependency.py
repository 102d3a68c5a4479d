"""FastAPI dependency that admits callers by role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from service.access.authenticate import (
    Caller,
    Door,
    authenticate,
    authenticate_session,
    refuse_in_address,
    require,
)
from service.access.keys import Role
from service.access.parts import ACCESS
from service.access.same_origin import refuse_foreign
from service.access.sessions import COOKIE
from service.errors import Problem

_BEARER = HTTPBearer(auto_error=False, description="A key made by `earshot key create`.")
_COOKIE = APIKeyCookie(
    name=COOKIE, auto_error=False, description="The console's session: `POST /v1/session`."
)
"""Both show the lock in OpenAPI. They refuse nothing themselves."""


def allow(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """Make a dependency that returns the caller, or refuses a role that is not one of these.

    A refusal is 401, 403 or 429. A bearer key takes precedence over a session's cookie.

    `caller: Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]`
    """

    async def caller(
        request: Request,
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        _cookie: Annotated[str | None, Security(_COOKIE)],
    ) -> Caller:
        found = await identify_caller(request)
        require(found, roles)
        return found

    return caller


async def still_allowed(request: Request, caller: Caller) -> bool:
    """Return whether a long request (the feed) would be admitted again.

    True also while the database is unavailable and nobody can say.
    """
    try:
        return (await identify_caller(request)).role is caller.role
    except Problem as refused:
        return refused.status >= 500


def door_of(request: Request) -> Door:
    address = request.client.host if request.client else ""
    return Door(ACCESS.of(request.app).attempts, address)


async def identify_caller(request: Request) -> Caller:
    """Return the caller, whatever their role.

    Raises:
        Problem: 401, 403 or 429.
    """
    refuse_in_address(request.query_params.keys())
    parts = ACCESS.of(request.app)
    authorization = request.headers.get("authorization")
    token = request.cookies.get(COOKIE)
    if authorization is not None or not token:
        return await authenticate(parts.keys, authorization, door_of(request), parts.clock())
    refuse_foreign(request.method, request.url.scheme, request.headers)
    return await authenticate_session(parts.sessions, parts.keys, token, parts.clock())
