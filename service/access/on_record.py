"""Putting a caller's change on record."""

from __future__ import annotations

import structlog
from fastapi import Request

from service.access.audit import Action, make_entry
from service.access.authenticate import Caller
from service.access.parts import ACCESS
from service.errors import StoreAway

log = structlog.get_logger()


async def record(
    request: Request, caller: Caller, action: Action, subject: str, reason: str = ""
) -> None:
    """Put on record what the caller has just done.

    Raises:
        StoreAway: The change is made and not on record here; the log has it.
    """
    parts = ACCESS.of(request.app)
    entry = make_entry(
        caller.name,
        action,
        subject,
        parts.clock(),
        reason=reason,
        key_id=caller.key_id,
        role=caller.role,
    )
    try:
        await parts.audit.add(entry)
    except StoreAway:
        log.error("audit.not_recorded", action=action, subject=subject, by=caller.key_id)
        raise
