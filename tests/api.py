"""The JSON API over real stores, without sound and a speech model: for tests of its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from service.access.attempts import Attempts
from service.access.keys import Role, digest_of, make_key
from service.access.sealing import Seal
from service.alerts.acting import Acting
from service.app import create_app
from service.backtesting import Backtesting
from service.clock import Clock
from service.listening.ear import Ear
from service.metrics import Metrics
from service.rooms.ears import Ears
from service.rooms.notice import Notice
from service.rooms.supervisor import Supervisor
from service.rooms.whip import WhipConnector
from service.rulebook.live import LivePolicies
from service.rules_page import Kept
from service.settings import Settings
from service.storage.actions import SqlActions
from service.storage.alerts import SqlAlerts
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.hearing import SqlHearing
from service.storage.keys import SqlKeys
from service.storage.policies import SqlPolicies
from service.storage.rooms import SqlRooms, SqlTokens
from service.storage.rule_hits import SqlRuleHits
from service.storage.said import SqlSaid
from tests.listening.sound import loud
from tests.rulebook.child import CHILD


class Api:
    """The server's routes, its stores, and clients of people by name."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.clock = clock
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
            show_levels=lambda levels: None,
            rooms=self.rooms,
            hearing=self.hearing,
            metrics=self.metrics,
            clock=clock,
        )
        self.whip = WhipConnector(
            self.ears,
            self.tokens,
            addresses=["127.0.0.1"],
            told=lambda room_id: False,
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
        self.acting = Acting(self.actions, self.supervisor, metrics=self.metrics, clock=clock)
        self.policies = SqlPolicies(database)
        self.live = LivePolicies(
            self.policies, CHILD, corpus=None, metrics=self.metrics, clock=clock
        )
        self.app = self._app()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Rooms can be opened, and things done in them."""
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(self.supervisor.run()), tasks.create_task(self.acting.run())]
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
        app = create_app(Settings())
        state = app.state
        state.clock, state.attempts = self.clock, Attempts()
        state.policy_store, state.policies = self.policies, self.live
        state.policy_folder = None
        state.alerts, state.hearing, state.rooms = self.alerts, self.hearing, self.rooms
        state.tokens, state.keys, state.ears = self.tokens, self.keys, self.ears
        state.audit, state.actions, state.acting = self.audit, self.actions, self.acting
        state.supervisor, state.whip = self.supervisor, self.whip
        state.rule_hits, state.backtesting = self.rule_hits, self.backtesting
        state.kept = Kept(talk_hours=24, alert_days=30)
        return app

    @staticmethod
    def _make_ear(room_id: str, speaker_id: str, now: datetime, cut_off: datetime | None) -> Ear:
        return Ear(room_id, speaker_id, vad=loud, now=now, interrupted_at=cut_off)
