"""Routes of keys, for admins: `/v1/keys`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.access.audit import Action
from service.access.audit_entries import record
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.idempotency import IdempotentRoute
from service.access.keys import PLAIN, Key, Role, digest_of, make_key
from service.access.parts import Parts
from service.errors import Problem

router = APIRouter(tags=["access"], route_class=IdempotentRoute)

Manages = Annotated[Caller, Depends(allow(Role.ADMIN))]
KeyId = Annotated[str, Path(pattern=r"^key_[0-9a-f]{12}$")]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PLAIN)
]


class NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Person or machine that will hold the key.")
    role: Role
    expires_in_days: int | None = Field(
        None, ge=1, le=3650, description="Days until the key expires. Left out: it never does."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedKey(Key):
    """New key with its secret, which is shown only once."""

    secret: str


@dataclass(frozen=True, slots=True)
class Keys:
    items: Sequence[Key]
    next_cursor: str | None = None


@router.post("/v1/keys", status_code=201, summary="Create a key for a person or a machine")
async def create_key(
    body: NewKey, request: Request, response: Response, parts: Parts, caller: Manages
) -> CreatedKey:
    """The secret is shown only once; the server keeps its hash."""
    lifetime = None if body.expires_in_days is None else timedelta(days=body.expires_in_days)
    key, secret = make_key(body.name, body.role, parts.clock(), lifetime=lifetime)
    await parts.keys.add(key, digest_of(secret))
    await record(request, caller, Action.KEY_MADE, key.id, f"{key.role} for {key.name}")
    response.headers["Cache-Control"] = "no-store"
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
