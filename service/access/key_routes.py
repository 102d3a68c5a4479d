"""Routes of keys, for admins: `/v1/keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import PLAIN, Key, Role, digest_of, make_key
from service.access.names import PlainName, describe_same_name
from service.access.no_store import NO_STORE
from service.access.parts import Parts
from service.access.scope import MOST_GLOBS, RoomGlob
from service.errors import Problem

router = APIRouter(tags=["access"], route_class=IdempotentRoute)

Manages = Annotated[Caller, Depends(allow(Role.ADMIN))]
KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-f]{12}$")]


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: PlainName = Field(description="Person or machine that will hold the key.")
    role: Role
    expires_in_days: int | None = Field(
        None, ge=1, le=3650, description="Days until the key expires. Left out: it never does."
    )
    rooms: list[RoomGlob] = Field(
        [],
        max_length=MOST_GLOBS,
        description="Ids of the rooms that the key is for, or globs over ids (`*`, `?`); empty for"
        " all. An admin's key cannot be scoped.",
    )


def refuse_scoped_admin(role: Role, rooms: Sequence[str]) -> None:
    """Refuse an admin key for some rooms: an admin can make keys for all.

    Raises:
        Problem: 422.
    """
    if rooms and role is Role.ADMIN:
        raise Problem(
            422,
            "Admins have all rooms",
            "`rooms` is given for role admin, whose holder can make keys for all rooms; leave"
            " `rooms` out or choose another role",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedKey(Key):
    """New key with its secret, which is shown only once."""

    secret: str


@dataclass(frozen=True, slots=True)
class Keys:
    items: Sequence[Key]
    next_cursor: str | None = None


@router.post(
    "/v1/keys",
    status_code=201,
    summary="Create a key for a person or a machine",
    dependencies=[NO_STORE],
)
async def create_key(body: NewKey, request: Request, parts: Parts, caller: Manages) -> CreatedKey:
    """The secret is shown only once; the server keeps its hash."""
    refuse_scoped_admin(body.role, body.rooms)
    lifetime = None if body.expires_in_days is None else timedelta(days=body.expires_in_days)
    key, secret = make_key(body.name, body.role, parts.clock(), lifetime=lifetime, rooms=body.rooms)
    same = await parts.keys.add_distinct(key, digest_of(secret))
    if same is not None:
        raise Problem(409, "Name taken", describe_same_name(key.name, same))
    await record(request, caller, Action.KEY_MADE, key.id, key.purpose())
    return CreatedKey(**asdict(key), secret=secret)


@router.get("/v1/keys", summary="List keys, oldest first")
async def list_keys(parts: Parts, _: Manages) -> Keys:
    """Revoked and expired keys too. The time of last use is exact to the minute."""
    return Keys(await parts.keys.all())


@router.delete("/v1/keys/{key_id}", status_code=204, summary="Revoke a key")
async def revoke_key(
    key_id: KeyId,
    request: Request,
    parts: Parts,
    caller: Manages,
    reason: Annotated[str, Query(max_length=500, pattern=PLAIN)] = "",
) -> None:
    """Its console sessions are signed out and its feeds end."""
    if key_id == caller.key_id:
        raise Problem(
            409,
            "Your own key",
            f"you are using key {key_id} yourself; revoke it with another admin's key, or by "
            "`earshot key revoke` on the server",
        )
    now = parts.clock()
    key = await parts.keys.revoke(key_id, now)
    if key is None:
        raise Problem(404, "No such key", f"no key has the id {key_id!r}; `GET /v1/keys` lists all")
    if key.revoked_at == now:  # and not long ago
        await record(request, caller, Action.KEY_REVOKED, key_id, reason)
