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
from service.access.same_origin import refuse_foreign, refuse_other_host
from service.access.scope import about_all_rooms, require_scope
from service.access.sessions import COOKIE
from service.errors import Problem

_BEARER = HTTPBearer(auto_error=False, description="A key made by `earshot key create`.")
_COOKIE = APIKeyCookie(
    name=COOKIE, auto_error=False, description="The console's session: `POST /v1/session`."
)
"""Both show the lock in OpenAPI. They refuse nothing themselves."""


ScopeCheck = Callable[[Request, Caller], Awaitable[None]]
"""Check that what the path names lies in the caller's scope. Raises the route's own 404."""


async def require_room_in_scope(request: Request, caller: Caller) -> None:
    """Refuse a path whose `room_id` is outside the caller's scope, as an unknown room.

    A path that names anything else is refused as well: a route that must tell a scoped caller
    about it has a check of its own.

    Raises:
        Problem: 404; 403 for a path that names something else than a room.
    """
    if "room_id" in request.path_params:
        require_scope(caller, request.path_params["room_id"])
    elif request.path_params:
        raise about_all_rooms(caller)


async def refuse_scoped(request: Request, caller: Caller) -> None:
    """Refuse a caller whose key is for some rooms only: the answer is about all rooms.

    Raises:
        Problem: 403.
    """
    raise about_all_rooms(caller)


def allow(
    *roles: Role, in_scope: ScopeCheck = require_room_in_scope
) -> Callable[..., Awaitable[Caller]]:
    """Make a dependency that returns the caller, or refuses a role that is not one of these.

    A refusal is 401, 403 or 429; 404 for what lies outside the scope of the caller's key. A bearer
    key takes precedence over a session's cookie.

    `caller: Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]`

    Args:
        in_scope: Check of a scoped caller. The default compares the path's `room_id`.
    """

    async def caller(
        request: Request,
        _bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        _cookie: Annotated[str | None, Security(_COOKIE)],
    ) -> Caller:
        found = await identify_caller(request)
        require(found, roles)
        if found.rooms:
            await in_scope(request, found)
        return found

    return caller


async def still_allowed(request: Request, caller: Caller) -> bool:
    """Return whether a long request (the feed) would be admitted again.

    True also while the database is unavailable and nobody can say.
    """
    try:
        found = await identify_caller(request)
        return (found.role, found.rooms) == (caller.role, caller.rooms)
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
    refuse_other_host(parts.public_url, request.headers)
    refuse_foreign(request.method, request.url.scheme, request.headers)
    return await authenticate_session(parts.sessions, parts.keys, token, parts.clock())
