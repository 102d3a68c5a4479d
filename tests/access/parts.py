"""Parts of a server for keys and sessions, on a real database."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.access.attempts import Attempts
from service.clock import Clock
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.keys import SqlKeys
from service.storage.sessions import SqlSessions


@dataclass(frozen=True)
class Access:
    """Implements `service.access.parts.AccessParts`."""

    keys: SqlKeys
    sessions: SqlSessions
    audit: SqlAudit
    clock: Clock
    attempts: Attempts = field(default_factory=Attempts)
    public_url: str = ""


def access_on(database: Database, clock: Clock) -> Access:
    return Access(SqlKeys(database), SqlSessions(database), SqlAudit(database), clock)
