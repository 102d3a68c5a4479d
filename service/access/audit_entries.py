"""Entries of callers' changes in the audit log."""

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
    """Write the caller's change to the audit log.

    Raises:
        StoreAway: The change was made, but only the server's log has it on record.
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
