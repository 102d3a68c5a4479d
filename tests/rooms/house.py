"""WHIP rooms without a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiortc import RTCSessionDescription

from service.metrics import Metrics
from service.rooms.connector import CannotHear
from service.rooms.muted import MutedSpeakers
from service.rooms.room import Speaker
from service.rooms.whip import WhipConnector
from service.rooms.whip_room import WhipRoom
from service.rooms.whip_session import WhipSession
from tests.rooms.calls import LOOPBACK, SOON_S, corpus, offered, publisher, until
from tests.rooms.fakes import Audience, Mutes, Tokens, a_room, a_speaker, routing

OFFER = corpus("chromium.sdp")


@dataclass
class House:
    """WHIP rooms in one connector.

    Attributes:
        routed: Whether a webhook carries actions to the room server.
        over: Errors with which sessions ended, by room id.
        reports: Reports of the sessions on what cannot be heard.
    """

    tokens: Tokens = field(default_factory=Tokens)
    audience: Audience = field(default_factory=Audience)
    routed: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    over: dict[str, CannotHear] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)
    sessions: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    muted: MutedSpeakers = field(default_factory=lambda: MutedSpeakers("lobby", (), Mutes()))

    def __post_init__(self) -> None:
        self.connector = WhipConnector(
            self.audience,
            self.tokens,
            addresses=LOOPBACK,
            action_route=routing(lambda: self.routed),
            metrics=self.metrics,
            return_s=0.05,
        )

    def enter(self, room_id: str) -> None:
        session = self.connector.enter(a_room(room_id), {}, self.muted)
        self.sessions[room_id] = asyncio.create_task(self._run_session(room_id, session))

    async def _run_session(self, room_id: str, session: WhipRoom) -> None:
        try:
            await session.run(self.reports.append)
        except* CannotHear as group:
            (why,) = group.exceptions
            assert isinstance(why, CannotHear)
            self.over[room_id] = why

    async def leave(self, room_id: str) -> None:
        """Cancel the room's session, as a keeper does."""
        task = self.sessions.pop(room_id)
        task.cancel()
        await asyncio.wait([task])

    async def publish(self, speaker: Speaker, offer: str = OFFER) -> WhipSession:
        return await self.connector.room(speaker.room_id).publish(speaker, offer)


@contextlib.asynccontextmanager
async def connecting(*rooms: str, ended_s: float = SOON_S) -> AsyncIterator[House]:
    """Yield open rooms; assert that all their tasks end within `ended_s` afterwards."""
    before = asyncio.all_tasks()
    house = House()
    for room in rooms or ("lobby",):
        house.enter(room)
    await asyncio.sleep(0)
    try:
        yield house
    finally:
        for room in list(house.sessions):
            await house.leave(room)
        assert house.connector.peers() == 0
        await until(lambda: all(task.done() for task in asyncio.all_tasks() - before), ended_s)


@contextlib.asynccontextmanager
async def talking(house: House) -> AsyncIterator[WhipSession]:
    """Let Ann publish; yield her session once her packets arrive at our peer."""
    connection, _ = publisher()
    try:
        session = await house.publish(a_speaker(), await offered(connection))
        await connection.setRemoteDescription(RTCSessionDescription(session.peer.sdp, "answer"))
        began_s = session.heard_s
        await until(lambda: session.heard_s > began_s)
        yield session
    finally:
        await connection.close()
