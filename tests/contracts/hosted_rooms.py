"""A room on each kind of room server, with test clients that speak in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiortc import RTCPeerConnection, RTCSessionDescription

from service.clock import utc_now
from service.metrics import Metrics
from service.rooms.actions import RoomAction
from service.rooms.connector import CannotHear, RoomConnector, RoomSession
from service.rooms.janus.connector import JanusConnector
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.server import JanusAccess, JanusServer
from service.rooms.muted import MutedSpeakers
from service.rooms.notice import Notice
from service.rooms.room import Room, Speaker
from service.rooms.whip import WhipConnector
from tests.janus import ROOM_SECRET, Janus
from tests.rooms.calls import LOOPBACK, offered, publisher, until
from tests.rooms.fakes import NOW, Audience, Mutes, Notices, Tokens, routing
from tests.rooms.janus.stage import Speakers


class HostedRoom(Protocol):
    """A room on one kind of room server, and its speakers."""

    @property
    def connector(self) -> RoomConnector: ...

    @property
    def room(self) -> Room: ...

    async def join(self, id_: str) -> None:
        """Join a speaker; return once packets flow."""
        ...

    async def leave(self, id_: str) -> None: ...

    def stay_away(self, id_: str) -> None:
        """Stop a speaker from joining again after a removal."""
        ...

    async def carry_out(self, session: RoomSession, action: RoomAction, person: str) -> None:
        """Carry out an action, by earshot or by the room server itself, which confirms it."""
        ...

    def peers(self) -> int: ...


@dataclass
class WhipRoom:
    audience: Audience
    room: Room = field(
        default_factory=lambda: Room(
            "lobby", "Lobby", {"kind": "whip"}, ["en"], [], WhipConnector.opens_as, NOW
        )
    )
    calls: dict[str, tuple[RTCPeerConnection, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connector = WhipConnector(
            self.audience,
            Tokens(),
            addresses=LOOPBACK,
            action_route=routing(lambda: True),
            metrics=Metrics(),
        )

    async def join(self, id_: str) -> None:
        await until(lambda: self.connector.peers() >= len(self.calls))
        connection, _ = publisher()
        speaker = Speaker("lobby", id_, id_.title())
        room = self.connector.room("lobby")
        session = await room.publish(speaker, await offered(connection))
        await connection.setRemoteDescription(RTCSessionDescription(session.peer.sdp, "answer"))
        self.calls[id_] = (connection, session.id)

    async def leave(self, id_: str) -> None:
        connection, session_id = self.calls.pop(id_)
        room = self.connector.room("lobby")
        await room.end_session(room.session(session_id))
        await connection.close()

    def stay_away(self, id_: str) -> None:
        pass

    async def carry_out(self, session: RoomSession, action: RoomAction, person: str) -> None:
        await session.apply_confirmed(action, person)

    def peers(self) -> int:
        return self.connector.peers()

    async def close(self) -> None:
        for connection, _ in self.calls.values():
            await connection.close()


@dataclass
class JanusRoom:
    audience: Audience
    janus: Janus
    speakers: Speakers
    name: str

    def __post_init__(self) -> None:
        dependencies = StayDependencies(
            listener=self.audience,
            access=JanusAccess(room_secret=ROOM_SECRET),
            notice=Notice("https://rooms.example/rules"),
            notices=Notices(),
            action_route=routing(lambda: True),
            addresses=None,
            metrics=Metrics(),
            clock=utc_now,
        )
        self.connector = JanusConnector(
            {"janus": JanusServer("janus", self.janus.ws_url)}, dependencies
        )
        described = {"kind": "janus", "room": self.name}
        self.room = Room("lobby", "Lobby", described, ["en"], [], JanusConnector.opens_as, NOW)

    async def join(self, id_: str) -> None:
        await self.speakers.join(id_)

    async def leave(self, id_: str) -> None:
        await self.speakers.leave(id_)

    def stay_away(self, id_: str) -> None:
        self.speakers.stay_away(id_)

    async def carry_out(self, session: RoomSession, action: RoomAction, person: str) -> None:
        assert await session.act(action, person, "")
        await session.apply_confirmed(action, person)

    def peers(self) -> int:
        return self.connector.peers()


@dataclass
class RunningSession:
    """A session in the room, like one of the supervisor.

    Attributes:
        states: States that the session reported; empty text: the room is heard.
        endings: Errors that ended the session.
    """

    hosted: HostedRoom
    audience: Audience
    session: RoomSession
    muted: MutedSpeakers
    states: list[str] = field(default_factory=list)
    endings: list[CannotHear] = field(default_factory=list)

    async def expect_speakers(self, *ids: str) -> None:
        """Wait until exactly these speakers are there and new packets come from each."""
        await until(lambda: set(self.audience.here) == set(ids))
        before = self.audience.heard.copy()
        await until(lambda: all(self.audience.heard[id_] > before[id_] for id_ in ids))

    async def expect_silence(self, id_: str, beside: str) -> None:
        """Check that no packet comes from one speaker while many come from the other."""
        await asyncio.sleep(0.2)  # packets that were on their way
        mute, heard = self.audience.heard[id_], self.audience.heard[beside]
        await until(lambda: self.audience.heard[beside] > heard + 20)
        assert self.audience.heard[id_] == mute


@contextlib.asynccontextmanager
async def running_session(
    hosted: HostedRoom, audience: Audience, muted: MutedSpeakers | None = None
) -> AsyncIterator[RunningSession]:
    muted = muted or MutedSpeakers("lobby", (), Mutes())
    running = RunningSession(
        hosted, audience, hosted.connector.enter(hosted.room, {}, muted), muted
    )
    task = asyncio.create_task(_run(running), name="session")
    try:
        await until(lambda: bool(running.states))
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _run(running: RunningSession) -> None:
    tell: Callable[[str], None] = running.states.append
    try:
        await running.session.run(tell)
    except* CannotHear as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        assert isinstance(first, CannotHear)
        running.endings.append(first)
