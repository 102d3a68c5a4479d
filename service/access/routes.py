"""Routes of console sessions (`/v1/session`): a page gives its key once and gets a cookie.

No script can read the cookie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller, find_key, refuse_in_address
from service.access.dependency import allow, door_of
from service.access.idempotency import IdempotentRoute
from service.access.keys import Role, digest_of
from service.access.parts import Parts
from service.access.same_origin import refuse_foreign, refuse_other_host
from service.access.sessions import COOKIE, make_session
from service.clock import Timestamp

router = APIRouter(tags=["access"], route_class=IdempotentRoute)

_PATH = "/v1/session"


class ShownKey(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: str = Field(
        min_length=1,
        max_length=500,
        description="Secret of a key, as `earshot key create` prints it.",
    )


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Signed-in person or machine.

    Attributes:
        expires_at: Expiry of the session or of the bearer key; null for never.
        rooms: Ids and globs of the rooms that the key is for; empty for all.
    """

    name: str
    role: Role
    key_id: str
    expires_at: Timestamp | None
    rooms: Sequence[str] = ()


@router.post(_PATH, summary="Sign in with a key")
async def sign_in(shown: ShownKey, request: Request, response: Response, parts: Parts) -> SignedIn:
    refuse_in_address(request.query_params.keys())
    if "origin" in request.headers:  # another site must not sign a person in here
        refuse_foreign(request.method, request.url.scheme, request.headers)
    refuse_other_host(parts.public_url, request.headers)
    now = parts.clock()
    key = await find_key(parts.keys, shown.key.strip(), door_of(request), now)
    session, token = make_session(key, now)
    await parts.sessions.begin(session, digest_of(token))
    before = request.cookies.get(COOKIE)
    if before:
        await parts.sessions.end(digest_of(before))
    await record(request, Caller(key.name, key.role, key.id), Action.SIGNED_IN, key.id)
    _set_cookie(request, response, token, session.expires_at - now)
    return SignedIn(key.name, key.role, key.id, session.expires_at, key.rooms)


@router.get(_PATH, summary="Show who is signed in")
async def show_session(
    caller: Annotated[Caller, Depends(allow(*Role))], response: Response
) -> SignedIn:
    response.headers["Cache-Control"] = "no-store"
    return SignedIn(caller.name, caller.role, caller.key_id, caller.until, caller.rooms)


@router.delete(_PATH, status_code=204, summary="Sign out")
async def sign_out(request: Request, response: Response, parts: Parts) -> None:
    token = request.cookies.get(COOKIE)
    if token:
        refuse_other_host(parts.public_url, request.headers)
        refuse_foreign(request.method, request.url.scheme, request.headers)
        found = await parts.sessions.find(digest_of(token))
        if found is not None:
            key = found[1]
            await parts.sessions.end(digest_of(token))
            await record(request, Caller(key.name, key.role, key.id), Action.SIGNED_OUT, key.id)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


def _set_cookie(request: Request, response: Response, token: str, life: timedelta) -> None:
    # Behind a proxy that ends TLS the request is plain http. Only the page's origin shows https.
    origin = request.headers.get("origin", "")
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(life.total_seconds()),
        path="/",
        secure=request.url.scheme == "https" or origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
