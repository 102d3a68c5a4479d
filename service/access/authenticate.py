"""Authentication: from a bearer key or a console session to the caller."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from service.access.attempts import Attempts
from service.access.keys import Key, Role, digest_of
from service.access.ports import KeyStore, SessionStore
from service.clock import iso
from service.errors import Problem

QUERY_NAMES = frozenset({"key", "token", "access_token", "api_key", "apikey", "authorization"})
"""Query parameters that people put keys into. Addresses reach logs and browser histories."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Person or machine that makes a request, by the name on its key.

    Attributes:
        until: Expiry of the key or of its session; None for never.
        rooms: Ids and globs of the rooms that the key is for; empty for all.
    """

    name: str
    role: Role
    key_id: str
    until: datetime | None = None
    rooms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """Origin of a request and the guard against guessed keys.

    Attributes:
        address: Address of the client, to recognise one that guesses keys.
    """

    attempts: Attempts
    address: str


async def authenticate(
    store: KeyStore, authorization: str | None, door: Door, now: datetime
) -> Caller:
    """Return the holder of the bearer key in an Authorization header.

    Args:
        authorization: Value of the header; None if the request has none.

    Raises:
        Problem: 401, or 429 after too many unknown keys, with the remedy.
    """
    key = await find_key(store, _bearer(authorization), door, now)
    return Caller(key.name, key.role, key.id, until=key.expires_at, rooms=key.rooms)


async def find_key(store: KeyStore, secret: str, door: Door, now: datetime) -> Key:
    """Return the valid key with this secret.

    Raises:
        Problem: As `authenticate`.
    """
    digest = digest_of(secret)
    refuse_wait(door, digest, now)
    key = await store.find(digest)
    if key is None:
        door.attempts.failed(door.address, now)
        raise refusal("this key is unknown here; make one with `earshot key create`")
    refuse_ended(key, now)
    door.attempts.succeeded(door.address, digest)
    if key.must_store_use(now):
        await store.used(key.id, now)
    return key


def refuse_wait(door: Door, digest: str, now: datetime) -> None:
    """Refuse a secret from an address that has tried too many wrong ones.

    Raises:
        Problem: 429.
    """
    wait_s = door.attempts.wait_s(door.address, digest, now)
    if wait_s > 0:
        raise _too_many(wait_s)


async def authenticate_session(
    sessions: SessionStore, keys: KeyStore, token: str, now: datetime
) -> Caller:
    """Return the holder of the key with which this session began.

    Raises:
        Problem: 401, with the remedy.
    """
    found = await sessions.find(digest_of(token))
    if found is None:
        raise refusal("this page is signed out; sign in with your key again")
    session, key = found
    refuse_ended(key, now)
    if now >= session.expires_at:
        raise refusal(f"you were signed in until {iso(session.expires_at)}; sign in again")
    if key.must_store_use(now):
        await keys.used(key.id, now)
    return Caller(key.name, key.role, key.id, until=session.expires_at, rooms=key.rooms)


def refuse_ended(key: Key, now: datetime) -> None:
    """Refuse a key that is revoked or has expired.

    Raises:
        Problem: 401.
    """
    if key.revoked_at is not None:
        raise refusal(f"key {key.id} was revoked on {iso(key.revoked_at)}; ask for a new one")
    if key.expires_at is not None and not key.valid(now):
        raise refusal(f"key {key.id} expired on {iso(key.expires_at)}; ask for a new one")


def refuse_in_address(query_names: Iterable[str]) -> None:
    """Refuse a request with a key in its address.

    Raises:
        Problem: 401.
    """
    for name in query_names:
        if name.lower() in QUERY_NAMES:
            raise refusal(
                f"a key must not be in the address (`?{name}=`), because logs keep addresses; "
                "revoke that key and send another in the header `Authorization: Bearer KEY`"
            )


def require(caller: Caller, roles: Collection[Role]) -> None:
    """Refuse a caller whose role is not one of these.

    Raises:
        Problem: 403.
    """
    if caller.role not in roles:
        may = ", ".join(role for role in Role if role in roles)
        raise Problem(
            403, "Not allowed", f"a key of role {caller.role} may not do this; these may: {may}"
        )


def _bearer(authorization: str | None) -> str:
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise refusal("send a key in the header `Authorization: Bearer KEY`")
    return secret.strip()


def refusal(detail: str) -> Problem:
    return Problem(401, "Key required", detail, headers={"WWW-Authenticate": "Bearer"})


def _too_many(wait_s: float) -> Problem:
    seconds = math.ceil(wait_s)
    return Problem(
        429,
        "Too many unknown keys",
        f"too many unknown keys came from your address; try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )
