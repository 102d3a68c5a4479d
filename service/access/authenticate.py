"""From the headers and the query of a request to the person who calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from service.access.keys import Role, digest_of
from service.access.ports import KeyStore
from service.clock import iso
from service.errors import Problem

QUERY_NAMES = frozenset({"key", "token", "access_token", "api_key", "apikey", "authorization"})
"""Names under which people put keys into addresses; these reach logs and browser histories."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: a person or a machine, by the name on its key."""

    name: str
    role: Role
    key_id: str


async def authenticate(
    store: KeyStore, authorization: str | None, query_names: Iterable[str], now: datetime
) -> Caller:
    """The holder of the bearer key in an Authorization header.

    Args:
        authorization: The header's value; None where the request has none.
        query_names: Names of the request's query parameters.

    Raises:
        Problem: 401, with the remedy.
    """
    refuse_in_address(query_names)
    key = await store.find(digest_of(_bearer(authorization)))
    if key is None:
        raise _refusal("this key is unknown here; make one with `earshot key create`")
    if key.revoked_at is not None:
        raise _refusal(f"key {key.id} was revoked on {iso(key.revoked_at)}; ask for a new one")
    if key.expires_at is not None and not key.valid(now):
        raise _refusal(f"key {key.id} expired on {iso(key.expires_at)}; ask for a new one")
    if key.use_is_news(now):
        await store.used(key.id, now)
    return Caller(name=key.name, role=key.role, key_id=key.id)


def refuse_in_address(query_names: Iterable[str]) -> None:
    """Raises:
    Problem: 401, the address of the request has a key in it.
    """
    for name in query_names:
        if name.lower() in QUERY_NAMES:
            raise _refusal(
                f"a key must not stand in the address (`?{name}=`), where logs would keep it; "
                "revoke that key and send another in the header `Authorization: Bearer KEY`"
            )


def require(caller: Caller, roles: Collection[Role]) -> None:
    """Raises:
    Problem: 403, the caller's role is none of these.
    """
    if caller.role not in roles:
        may = ", ".join(role for role in Role if role in roles)
        raise Problem(
            403, "Not allowed", f"a key of role {caller.role} may not do this; these may: {may}"
        )


def _bearer(authorization: str | None) -> str:
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise _refusal("send a key in the header `Authorization: Bearer KEY`")
    return secret.strip()


def _refusal(detail: str) -> Problem:
    return Problem(401, "Key required", detail, headers={"WWW-Authenticate": "Bearer"})
