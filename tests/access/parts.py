"""Parts of a server for keys and sessions, on a real database."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.access.answers import Answers
from service.access.attempts import Attempts
from service.access.sealing import Seal
from service.clock import Clock
from service.storage.answers import SqlAnswers
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
    answers: Answers
    attempts: Attempts = field(default_factory=Attempts)
    public_url: str = ""


def access_on(database: Database, clock: Clock) -> Access:
    answers = Answers(SqlAnswers(database), Seal(bytes(32)), clock)
    return Access(SqlKeys(database), SqlSessions(database), SqlAudit(database), clock, answers)
