"""JSON API on real stores, without audio or a speech model, for tests of routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from asr.work_queue import WorkQueue
from service.access.answers import Answers
from service.access.attempts import Attempts
from service.access.keys import Role, digest_of, make_key
from service.access.parts import ACCESS
from service.access.ports import AuditStore, KeyStore, SessionStore
from service.access.sealing import Seal
from service.alerts import action_routes
from service.alerts import routes as alerts_routes
from service.alerts.action_runner import ActionRunner
from service.alerts.helplines import Helpline
from service.alerts.ports import ActionRequests, ActionStore, AlertStore
from service.app import create_app
from service.clock import Clock
from service.listening.ear import Ear
from service.listening.ports import HearingStore
from service.metrics import Metrics
from service.rooms import routes as rooms_routes
from service.rooms import whip_routes
from service.rooms.control import (
    ActionControl,
    LiveSpeakers,
    RoomControl,
    RuleCoverage,
    WhipPublishing,
)
from service.rooms.ears import Ears
from service.rooms.notice import Notice
from service.rooms.ports import RoomStore, TokenStore
from service.rooms.room_actions import RoomActions
from service.rooms.supervisor import Supervisor
from service.rooms.whip import WhipConnector
from service.rulebook import policy_routes, report_routes, rules_page
from service.rulebook import routes as rulebook_routes
from service.rulebook.backtesting import Backtesting
from service.rulebook.folder import PolicyFolder
from service.rulebook.live import LivePolicies
from service.rulebook.ports import PolicyStore, RuleHitStore
from service.rulebook.rules_page import Kept
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.answers import SqlAnswers
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.hearing import SqlHearing
from service.storage.keys import SqlKeys
from service.storage.policies import SqlPolicies
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.rule_hits import SqlRuleHits
from service.storage.said import SqlSaid
from service.storage.sessions import SqlSessions
from service.verdict.overload import Lag, VerdictLag
from service.verdict.unmatched_languages import UnmatchedLanguages
from service.web import operations
from service.web.operations import Overload, Recogniser
from tests.listening.sound import loud
from tests.rooms.fakes import routing
from tests.rulebook.child import CHILD


class NoModel:
    """Recogniser that transcribes nothing."""

    model = "micro"

    @property
    def queue(self) -> WorkQueue:
        raise NotImplementedError

    def unready(self) -> str | None:
        return "there is no model here"

    def workers(self) -> None:
        return None


class NoLag:
    """Verdict pipeline without a backlog."""

    behind = False

    def lag(self, now: datetime) -> Lag:
        return Lag(0.0, 0)


@dataclass
class Parts:
    """Parts of the routers, named as in `service.roles.front.Front`; a test may replace them."""

    clock: Clock
    metrics: Metrics
    database: Database
    keys: KeyStore
    sessions: SessionStore
    audit: AuditStore
    answers: Answers
    alerts: AlertStore
    actions: ActionStore
    hearing: HearingStore
    room_store: RoomStore
    tokens: TokenStore
    rule_hits: RuleHitStore
    policy_store: PolicyStore
    policies: LivePolicies
    backtesting: Backtesting
    rooms: RoomControl
    room_actions: ActionControl
    speakers: LiveSpeakers
    rule_coverage: RuleCoverage
    whip: WhipPublishing
    action_requests: ActionRequests
    action_timeout: timedelta = timedelta(seconds=30)
    policy_folder: PolicyFolder | None = None
    attempts: Attempts = field(default_factory=Attempts)
    token_attempts: Attempts = field(default_factory=Attempts)
    public_url: str = ""
    kept: Kept = field(default_factory=lambda: Kept(talk_hours=24, alert_days=30))
    notice: str = ""
    helplines: Sequence[Helpline] = ()
    recogniser: Recogniser = field(default_factory=NoModel)
    overload: Overload = field(default_factory=NoLag)
    verdict_lag: VerdictLag = field(default_factory=NoLag)


class Api:
    """Routes and stores of a server, and clients for people by name.

    Attributes:
        routed: Whether a webhook carries actions to the room server.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
        self.routed = False
        self.metrics = Metrics()
        self.alerts = SqlAlerts(database, clock)
        self.hearing = SqlHearing(database, clock)
        self.rule_hits = SqlRuleHits(database)
        self.backtesting = Backtesting(SqlSaid(database), CHILD)
        self.rooms = SqlRooms(database, clock)
        self.tokens = SqlTokens(database)
        self.keys = SqlKeys(database)
        self.audit = SqlAudit(database)
        self.ears = Ears(
            make_ear=self._make_ear,
            on_utterance=lambda listener, utterance: None,
            show_levels=lambda levels, at: None,
            rooms=self.rooms,
            hearing=self.hearing,
            metrics=self.metrics,
            clock=clock,
        )
        self.whip = WhipConnector(
            self.ears,
            self.tokens,
            addresses=["127.0.0.1"],
            action_route=routing(lambda: self.routed),
            metrics=self.metrics,
        )
        self.actions = SqlActions(database, clock)
        self.supervisor = Supervisor(
            self.rooms,
            self.actions,
            [self.whip],
            self.ears,
            seal=Seal(bytes(32)),
            notice=Notice(""),
            metrics=self.metrics,
            clock=clock,
        )
        self.room_actions = RoomActions(self.rooms, self.supervisor)
        self.action_runner = ActionRunner(
            self.actions, self.room_actions, metrics=self.metrics, clock=clock
        )
        self.policies = SqlPolicies(database)
        self.live = LivePolicies(
            self.policies, CHILD, corpus=None, metrics=self.metrics, clock=clock
        )
        self.unmatched_languages = UnmatchedLanguages(self.live.matcher, self.metrics)
        self.parts = Parts(
            clock=clock,
            metrics=self.metrics,
            database=database,
            keys=self.keys,
            sessions=SqlSessions(database),
            audit=self.audit,
            answers=Answers(SqlAnswers(database), Seal(bytes(32)), clock),
            alerts=self.alerts,
            actions=self.actions,
            hearing=self.hearing,
            room_store=self.rooms,
            tokens=self.tokens,
            rule_hits=self.rule_hits,
            policy_store=self.policies,
            policies=self.live,
            backtesting=self.backtesting,
            rooms=self.supervisor,
            room_actions=self.room_actions,
            speakers=self.ears,
            rule_coverage=self.unmatched_languages,
            whip=self.whip,
            action_requests=self.action_runner,
        )
        self.app = self._app()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Add the parts for opening rooms and acting in them."""
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(self.supervisor.run()),
                tasks.create_task(self.action_runner.run()),
            ]
            await self.supervisor.started.wait()
            try:
                yield self
            finally:
                for loop in loops:
                    loop.cancel()

    @asynccontextmanager
    async def caller(self, name: str, role: Role = Role.MODERATOR) -> AsyncIterator[AsyncClient]:
        key, secret = make_key(name, role, self.clock())
        await self.keys.add(key, digest_of(secret))
        async with self.anybody(Authorization=f"Bearer {secret}") as client:
            yield client

    def anybody(self, **headers: str) -> AsyncClient:
        transport = ASGITransport(self.app)
        return AsyncClient(transport=transport, base_url="http://test", headers=headers)

    def _app(self) -> FastAPI:
        app, parts = create_app(), self.parts
        ACCESS.provide(app, parts)
        rules_page.RULES.provide(app, parts)
        operations.OPERATIONS.provide(app, parts)
        report_routes.REPORT.provide(app, parts)
        policy_routes.POLICIES.provide(app, parts)
        rulebook_routes.RULEBOOK.provide(app, parts)
        rooms_routes.ROOMS.provide(app, parts)
        whip_routes.WHIP.provide(app, parts)
        alerts_routes.ALERTS.provide(app, parts)
        action_routes.ACTIONS.provide(app, parts)
        return app

    @staticmethod
    def _make_ear(room_id: str, speaker_id: str, now: datetime, cut_off: datetime | None) -> Ear:
        return Ear(room_id, speaker_id, vad=loud, now=now, interrupted_at=cut_off)
