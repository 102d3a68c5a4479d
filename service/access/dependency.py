"""Who may make a call, as a FastAPI dependency.

Reads `app.state.keys` (a `KeyStore`) and `app.state.clock`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.access.authenticate import Caller, authenticate, require
from service.access.keys import Role
from service.access.ports import KeyStore
from service.clock import Clock

_BEARER = HTTPBearer(auto_error=False, description="A key made by `earshot key create`.")
"""Shows the lock in OpenAPI; the refusals are ours."""


def allow(*roles: Role) -> Callable[..., Awaitable[Caller]]:
    """The caller, if the key's role is one of these; refused with 401 or 403 otherwise.

    `caller: Annotated[Caller, Depends(allow(Role.MODERATOR, Role.ADMIN))]`
    """

    async def caller(
        request: Request,
        _shown: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Caller:
        store: KeyStore = request.app.state.keys
        clock: Clock = request.app.state.clock
        authorization = request.headers.get("authorization")
        found = await authenticate(store, authorization, request.query_params.keys(), clock())
        require(found, roles)
        return found

    return caller
