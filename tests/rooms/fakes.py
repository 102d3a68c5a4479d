"""Our own ports in memory: what rooms need from storage, and what connectors report to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from service.listening.heard import AudioGap, HeardUntil, TranscriptHeard
from service.listening.packet import Packet
from service.rooms.room import Room, RoomState, Speaker

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Away(Exception):
    """The database cannot be reached."""


def a_room(id_: str = "lobby", kind: str = "whip", state: RoomState = RoomState.LISTENING) -> Room:
    return Room(id_, "Lobby", {"kind": kind}, ["en"], [], state, NOW)


def a_speaker(id_: str = "ann", room_id: str = "lobby") -> Speaker:
    return Speaker(room_id, id_, id_.title())


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Rooms:
    """`service.rooms.ports.RoomStore`."""

    rooms: dict[str, Room] = field(default_factory=dict)
    live: dict[tuple[str, str], Speaker] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False

    async def add(self, room: Room) -> None:
        self.rooms[room.id] = room

    async def get(self, room_id: str) -> Room | None:
        return self.rooms.get(room_id)

    async def page(
        self, states: Collection[RoomState] = (), *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Room], str | None]:
        return list(self.rooms.values())[:limit], None

    async def listening(self) -> Sequence[Room]:
        return [room for room in self.rooms.values() if room.state is not RoomState.ENDED]

    async def set_state(self, room_id: str, state: RoomState, reason: str) -> Room:
        if self.away:
            raise Away
        self.rooms[room_id] = replace(self.rooms[room_id], state=state, reason=reason)
        return self.rooms[room_id]

    async def speaker_joined(self, speaker: Speaker, now: datetime) -> None:
        await self._reach()
        self.live[speaker.room_id, speaker.id] = speaker

    async def speaker_left(self, speaker: Speaker, reason: str, now: datetime) -> None:
        await self._reach()
        if self.live.pop((speaker.room_id, speaker.id), None) is not None:
            self.left.append((speaker.id, reason))

    async def speakers(self, room_id: str, *, live_only: bool = False) -> Sequence[Speaker]:
        await self._reach()
        return [speaker for key, speaker in self.live.items() if key[0] == room_id]

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise Away


@dataclass
class Hearing:
    """`service.listening.ports.HearingStore`; `log` keeps the order of what was written."""

    log: list[AudioGap | HeardUntil] = field(default_factory=list)
    cut_off: list[HeardUntil] = field(default_factory=list)
    away: bool = False

    @property
    def written(self) -> list[AudioGap]:
        return [entry for entry in self.log if isinstance(entry, AudioGap)]

    @property
    def marks(self) -> list[HeardUntil]:
        return [entry for entry in self.log if isinstance(entry, HeardUntil)]

    async def mark(self, marks: Sequence[HeardUntil]) -> None:
        await self._reach()
        self.log += marks

    async def gap(self, gap: AudioGap) -> None:
        await self._reach()
        self.log.append(gap)

    async def gaps(self, room_id: str, limit: int) -> Sequence[AudioGap]:
        return [gap for gap in reversed(self.written) if gap.room_id == room_id][:limit]

    async def gaps_between(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[AudioGap]:
        return []

    async def interrupted(self) -> Sequence[HeardUntil]:
        return self.cut_off

    async def talk(
        self, room_id: str, from_at: datetime, to_at: datetime
    ) -> Sequence[TranscriptHeard]:
        return []

    async def talk_page(
        self, room_id: str, *, limit: int, cursor: str | None
    ) -> tuple[Sequence[TranscriptHeard], str | None]:
        return [], None

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise Away


@dataclass
class Audience:
    """`service.rooms.connector.RoomListener`.

    Attributes:
        joining, leaving: While not set, whoever joins or leaves is kept waiting.
        broken: What both raise.
    """

    here: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    packets: int = 0
    joining: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    broken: Exception | None = None

    def __post_init__(self) -> None:
        self.joining.set()
        self.leaving.set()

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None:
        self.packets += 1

    async def speaker_joined(self, speaker: Speaker) -> None:
        self.waiting.append(speaker.id)
        await self.joining.wait()
        if self.broken is not None:
            raise self.broken
        self.here.append(speaker.id)

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        self.waiting.append(speaker.id)
        await self.leaving.wait()
        if self.broken is not None:
            raise self.broken
        self.here.remove(speaker.id)
        self.left.append((speaker.id, reason))
