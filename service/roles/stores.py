"""All stores on one database."""

from __future__ import annotations

from dataclasses import dataclass

from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.answers import SqlAnswers
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.event_log import SqlEventLog
from service.storage.hearing import SqlHearing
from service.storage.hooks import SqlHooks
from service.storage.keys import SqlKeys
from service.storage.policies import SqlPolicies
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.rule_hits import SqlRuleHits
from service.storage.said import SqlSaid
from service.storage.sessions import SqlSessions
from service.storage.webhooks import SqlWebhooks


@dataclass(frozen=True, slots=True)
class Stores:
    actions: SqlActions
    answers: SqlAnswers
    alerts: SqlAlerts
    audit: SqlAudit
    events: SqlEventLog
    hearing: SqlHearing
    hooks: SqlHooks
    keys: SqlKeys
    policies: SqlPolicies
    rooms: SqlRooms
    rule_hits: SqlRuleHits
    said: SqlSaid
    sessions: SqlSessions
    tokens: SqlTokens
    webhooks: SqlWebhooks


def stores_on(database: Database) -> Stores:
    """Return all stores on this database."""
    return Stores(
        actions=SqlActions(database),
        alerts=SqlAlerts(database),
        answers=SqlAnswers(database),
        audit=SqlAudit(database),
        events=SqlEventLog(database),
        hearing=SqlHearing(database),
        hooks=SqlHooks(database),
        keys=SqlKeys(database),
        policies=SqlPolicies(database),
        rooms=SqlRooms(database),
        rule_hits=SqlRuleHits(database),
        said=SqlSaid(database),
        sessions=SqlSessions(database),
        tokens=SqlTokens(database),
        webhooks=SqlWebhooks(database),
    )
