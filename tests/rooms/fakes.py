"""Fakes of our own ports: stores of rooms in memory, and an audience of connectors."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from service.listening.events import AudioGap, HeardUntil, TranscriptHeard
from service.listening.packet import Packet
from service.rooms.control import ActionRoute
from service.rooms.room import Room, RoomState, Speaker

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Away(Exception):
    """The database cannot be reached."""


def a_room(id_: str = "lobby", kind: str = "whip", state: RoomState = RoomState.LISTENING) -> Room:
    return Room(id_, "Lobby", {"kind": kind}, ["en"], [], state, NOW)


def a_speaker(id_: str = "ann", room_id: str = "lobby") -> Speaker:
    return Speaker(room_id, id_, id_.title())


class SetClock:
    """A clock that stands still until it is set."""

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
    secrets: dict[str, str] = field(default_factory=dict)
    away: bool = False

    async def add(self, room: Room, sealed: str | None = None) -> None:
        self.rooms[room.id] = room
        if sealed is not None:
            self.secrets[room.id] = sealed

    async def sealed(self, room_id: str) -> str | None:
        return self.secrets.get(room_id)

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

    async def speaker_returned(self, speaker: Speaker, reason: str, now: datetime) -> None:
        await self._reach()
        self.left.append((speaker.id, reason))
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
    """`service.listening.ports.HearingStore`.

    Attributes:
        log: Gaps and marks in the order in which they were written.
        cut_off: Speakers whom an earlier run left live.
        broken: Errors that a gap raises, by room id.
    """

    log: list[AudioGap | HeardUntil] = field(default_factory=list)
    cut_off: list[HeardUntil] = field(default_factory=list)
    away: bool = False
    broken: dict[str, Exception] = field(default_factory=dict)

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
        if gap.room_id in self.broken:
            raise self.broken[gap.room_id]
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
class Mutes:
    """`service.rooms.ports.MuteStore`."""

    ids: set[str] = field(default_factory=set)

    async def muted(self, room_id: str) -> Collection[str]:
        return frozenset(self.ids)

    async def lifted(self, room_id: str, speaker_id: str) -> None:
        self.ids.discard(speaker_id)


@dataclass
class Notices:
    """`service.rooms.ports.NoticeStore`."""

    rooms: list[str] = field(default_factory=list)

    async def noticed(self, room_id: str) -> bool:
        return room_id in self.rooms

    async def set_noticed(self, room_id: str, now: datetime) -> None:
        self.rooms.append(room_id)


@dataclass
class Tokens:
    """`service.rooms.ports.TokenStore`."""

    revoked: list[tuple[str, str]] = field(default_factory=list)

    async def add_token(self, digest: str, speaker: Speaker, expires_at: datetime) -> None: ...

    async def find_token(self, digest: str, now: datetime) -> Speaker | None:
        return None

    async def revoke_tokens(self, room_id: str, speaker_id: str) -> None:
        self.revoked.append((room_id, speaker_id))


@dataclass
class Audience:
    """`service.rooms.connector.Audience`.

    Attributes:
        here: Speakers as they were last reported, by id.
        left: Id and reason of each departure.
        waiting: Ids of the speakers for whom a join or a departure was reported.
        heard: Packets of each speaker.
        rooms: Reports about rooms as a whole.
        joining: Event for which joins wait.
        leaving: Event for which departures wait.
        broken: Error that both raise.
    """

    here: dict[str, Speaker] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    rooms: list[tuple[str, ...]] = field(default_factory=list)
    joining: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    broken: Exception | None = None

    def __post_init__(self) -> None:
        self.joining.set()
        self.leaving.set()

    @property
    def packets(self) -> int:
        return self.heard.total()

    def push(self, room_id: str, speaker_id: str, packet: Packet) -> None:
        assert speaker_id in self.here, "nobody joined"
        self.heard[speaker_id] += 1

    async def speaker_joined(self, speaker: Speaker, since: datetime | None = None) -> None:
        self.waiting.append(speaker.id)
        await self.joining.wait()
        if self.broken is not None:
            raise self.broken
        self.here[speaker.id] = speaker

    async def speaker_left(self, speaker: Speaker, reason: str, *, cut_off: bool = False) -> None:
        self.waiting.append(speaker.id)
        await self.leaving.wait()
        if self.broken is not None:
            raise self.broken
        del self.here[speaker.id]
        self.left.append((speaker.id, reason))

    async def speaker_changed(self, speaker: Speaker) -> bool:
        if speaker.id not in self.here:
            return False
        self.here[speaker.id] = speaker
        return True

    def room_heard(self, room_id: str, present: Collection[str]) -> None:
        self.rooms.append(("heard", room_id, *sorted(present)))

    def room_lost(self, room_id: str) -> None:
        self.rooms.append(("lost", room_id))
        self.here.clear()

    async def room_left(self, room_id: str, reason: str) -> None:
        await self.leaving.wait()
        self.rooms.append(("left", room_id, reason))
        self.here.clear()


def routing(routed: Callable[[], bool]) -> ActionRoute:
    """Make an `ActionRoute` for all rooms."""

    async def route(room_id: str) -> bool:
        return routed()

    return route
