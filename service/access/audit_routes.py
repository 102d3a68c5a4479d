"""Route of the audit log: `/v1/audit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from service.access.audit import Entry
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import PLAIN, Role
from service.access.parts import Parts

router = APIRouter(tags=["access"])


@dataclass(frozen=True, slots=True)
class AuditLog:
    items: Sequence[Entry]
    next_cursor: str | None


@router.get("/v1/audit", summary="List the audit log, newest first")
async def list_audit_log(
    parts: Parts,
    _: Annotated[Caller, Depends(allow(Role.ADMIN))],
    who: Annotated[str | None, Query(max_length=200, pattern=PLAIN)] = None,
    subject: Annotated[str | None, Query(max_length=200, pattern=PLAIN)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> AuditLog:
    """`who` is the name on a key; `subject` is the id of a room, key, webhook or secret."""
    return AuditLog(*await parts.audit.page(who, subject, limit=limit, cursor=cursor))
