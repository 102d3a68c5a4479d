"""Putting a caller's change on record. Reads `app.state`: `audit` (an `AuditStore`), `clock`."""

from __future__ import annotations

from fastapi import Request

from service.access.audit import Action, make_entry
from service.access.authenticate import Caller
from service.access.ports import AuditStore
from service.clock import Clock


async def record(
    request: Request, caller: Caller, action: Action, subject: str, reason: str = ""
) -> None:
    """Put on record what the caller has just done."""
    audit: AuditStore = request.app.state.audit
    clock: Clock = request.app.state.clock
    entry = make_entry(
        caller.name,
        action,
        subject,
        clock(),
        reason=reason,
        key_id=caller.key_id,
        role=caller.role,
    )
    await audit.add(entry)
