"""Which rooms are listened to: opens, shows, resumes and ends them, a keeper for each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import structlog

from service.access.sealing import CannotOpen, Seal
from service.clock import Clock
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import Audience, RoomConnector
from service.rooms.keeper import Keeper
from service.rooms.muted import MutedSpeakers
from service.rooms.notice import Notice
from service.rooms.ports import MuteStore, RoomStore
from service.rooms.room import Room, RoomState

log = structlog.get_logger()

_END_S = 30.0
"""A room that is ending has ended by then: its last words are waited for half as long."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A room with what its keeper was made of."""

    room: Room
    secrets: Mapping[str, str]
    muted: MutedSpeakers
    keeper: Keeper
    task: asyncio.Task[None]


class Supervisor:
    """Holds one connector for each kind of room. `run` owns a task for each room.

    Attributes:
        started: The rooms of the run before are kept again.

    Args:
        seal: Closes what of a room's connector nobody may read.
        notice: What members of a room are told.
    """

    def __init__(
        self,
        store: RoomStore,
        mutes: MuteStore,
        connectors: Sequence[RoomConnector],
        audience: Audience,
        *,
        seal: Seal,
        notice: Notice,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._mutes = mutes
        self._connectors = {connector.kind: connector for connector in connectors}
        self._audience = audience
        self._seal = seal
        self._notice = notice
        self._metrics = metrics
        self._clock = clock
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: asyncio.TaskGroup | None = None
        self._kept: dict[str, _Kept] = {}
        self.started = asyncio.Event()
        for state in RoomState:
            if state is not RoomState.ENDED:
                counts = partial(self._count, state)
                metrics.rooms.labels(state).set_function(counts)

    async def run(self) -> NoReturn:
        """Keep every room that is open, and those opened from now on, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await self._resume()
                self.started.set()
                await asyncio.Event().wait()
        finally:
            self._tasks = None
        raise AssertionError("it never ends by itself")

    async def _resume(self) -> None:
        """A room whose kind of connector is not here any more is lost, and stops no other."""
        for room in await self._store.listening():
            if str(room.connector.get("kind")) not in self._connectors:
                log.error("room.not_resumed", room=room.id)
                await self._store.set_state(room.id, RoomState.LOST, "no connector of its kind")
                continue
            try:
                secrets = await self._secrets(room.id)
            except CannotOpen:
                log.error("room.secrets_unreadable", room=room.id)
                reason = (
                    "its secrets were sealed with another key; DELETE the room and POST it anew"
                )
                await self._store.set_state(room.id, RoomState.LOST, reason)
                continue
            self._keep(room, secrets, await self._muted(room.id))

    async def open(
        self,
        room_id: str,
        *,
        title: str,
        connector: Mapping[str, Any],
        secrets: Mapping[str, str],
        languages: Sequence[str],
        policies: Sequence[str],
    ) -> tuple[Room, bool]:
        """Begin to listen; the room, and whether it is new.

        The same call again changes nothing, and has a room that is not heard joined at once.

        Args:
            secrets: What of the connector nobody may read.

        Raises:
            Problem: 409 where the id belongs to a room described otherwise, 422 for an unknown
                kind of connector.
        """
        way_in = self._connector(connector)
        wanted = Room(
            id=room_id,
            title=title,
            connector=dict(connector),
            languages=list(languages),
            policies=list(policies),
            state=way_in.opens_as,
            joined_at=self._clock(),
            notice=self._notice.text(languages),
        )
        async with self._one_at_a_time(room_id):
            await self._until_ended(room_id)
            known = await self._store.get(room_id)
            muted = await self._muted(room_id)
            if known is not None and known.state is not RoomState.ENDED:
                await self._check_same(known, wanted, secrets)
                if room_id in self._kept:
                    self.retry(room_id)
                else:
                    self._keep(known, secrets, muted)
                return known, False
            text = json.dumps(dict(secrets), sort_keys=True)
            sealed = self._seal.close(text, _owner(room_id)) if secrets else None
            self._check_running()
            await self._store.add(wanted, sealed)
            self._keep(wanted, secrets, muted)
        log.info("room.opened", room=room_id, connector=way_in.kind)
        return wanted, True

    async def close(self, room_id: str, reason: str = "closed by request") -> None:
        """Stop listening. Where that cannot be put on record, the room is open as before, without
        its speakers, and may be closed again.

        Args:
            reason: Why, for people.

        Raises:
            Problem: 404 where it is not listened to.
        """
        async with self._one_at_a_time(room_id):
            room = await self.find(room_id)
            if room.state is RoomState.ENDED:
                raise Problem(404, "No such room", f"room {room_id!r} has ended already")
            kept = self._kept.pop(room_id, None)
            if kept is not None:
                kept.task.cancel()
                await asyncio.wait([kept.task])
            await self._audience.room_left(room_id, "the room was closed")
            try:
                await self._store.set_state(room_id, RoomState.ENDED, reason)
            except BaseException:  # on record it is still listened to: so it shall be
                if kept is not None:
                    self._keep(kept.room, kept.secrets, kept.muted)
                raise
        log.info("room.closed", room=room_id)

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str:
        """Carry out what somebody decided; how the room server confirmed it.

        Args:
            person: As `person` says.

        Raises:
            CannotAct: It was not carried out.
        """
        if room_id not in self._kept:
            raise CannotAct("the room is not listened to any more")
        return await self._kept[room_id].keeper.act(action, person, words)

    def rooms(self) -> Sequence[Room]:
        """Those that are kept now, as they were described."""
        return [kept.room for kept in self._kept.values()]

    def person(self, room_id: str, speaker_id: str) -> str:
        """Who it is that is heard under this id: whom actions are about."""
        if room_id not in self._kept:
            return speaker_id
        return self._way_into(self._kept[room_id].room).person(speaker_id)

    def spawn(self, work: Callable[[], Awaitable[object]], name: str) -> asyncio.Task[None]:
        """Let something be done about rooms while they are kept."""
        self._check_running()
        assert self._tasks is not None
        return self._tasks.create_task(self._guarded(work, name), name=name)

    def retry(self, room_id: str) -> None:
        """Something has changed at the room's server: join it at once if it is not heard."""
        if room_id in self._kept:
            self._kept[room_id].keeper.retry()

    def ending(self, room_id: str) -> bool:
        """The room has ended, and its last words are being put on record."""
        return room_id in self._kept and self._kept[room_id].keeper.ending

    def possible(self, room_id: str) -> Collection[RoomAction]:
        """What can be done in the room; nothing where it is not listened to."""
        if room_id not in self._kept:
            return ()
        room = self._kept[room_id].room
        return self._way_into(room).actions(room)

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop listening to one speaker; False where they are not heard."""
        if room_id not in self._kept:
            return False
        return await self._kept[room_id].keeper.dismiss(speaker_id, reason)

    async def find(self, room_id: str) -> Room:
        """Raises: Problem 404."""
        room = await self._store.get(room_id)
        if room is None:
            raise Problem(404, "No such room", f"no room has the id {room_id!r}")
        return room

    def _keep(self, room: Room, secrets: Mapping[str, str], muted: MutedSpeakers) -> None:
        self._check_running()
        assert self._tasks is not None
        way_in = self._way_into(room)
        keeper = Keeper(
            room,
            lambda: way_in.enter(room, secrets, muted),
            muted,
            opens_as=way_in.opens_as,
            audience=self._audience,
            store=self._store,
            metrics=self._metrics,
        )
        task = self._tasks.create_task(self._run(room.id, keeper), name=f"room {room.id}")
        self._kept[room.id] = _Kept(room, secrets, muted, keeper, task)

    async def _run(self, room_id: str, keeper: Keeper) -> None:
        """A keeper that fails stops no other."""
        await self._guarded(keeper.run, f"room {room_id}")
        if room_id in self._kept and self._kept[room_id].keeper is keeper:
            del self._kept[room_id]

    async def _guarded(self, work: Callable[[], Awaitable[object]], name: str) -> None:
        try:
            await work()
        except Exception:
            self._metrics.failures.labels("room").inc()
            log.exception("room.task_failed", task=name)

    async def _until_ended(self, room_id: str) -> None:
        """Whoever asks for a room that is ending means one that begins anew."""
        if self.ending(room_id):
            await asyncio.wait([self._kept[room_id].task], timeout=_END_S)
            if self.ending(room_id):
                raise Problem(
                    503, "Still ending", f"room {room_id!r} is ending; try again in a moment"
                )

    async def _muted(self, room_id: str) -> MutedSpeakers:
        return MutedSpeakers(room_id, await self._mutes.muted(room_id), self._mutes)

    def _check_running(self) -> None:
        if self._tasks is None:
            raise Problem(503, "Stopping", "the server is stopping; try again in a moment")

    async def _check_same(self, known: Room, wanted: Room, secrets: Mapping[str, str]) -> None:
        try:
            same = (await self._secrets(known.id)) == dict(secrets)
        except CannotOpen:
            same = False
        if not same or _description(known) != _description(wanted):
            raise Problem(
                409,
                "Room differs",
                f"room {known.id!r} is listened to already, described otherwise; "
                "DELETE it first or send the same body",
            )

    async def _secrets(self, room_id: str) -> dict[str, str]:
        """Raises: CannotOpen."""
        sealed = await self._store.sealed(room_id)
        if sealed is None:
            return {}
        opened: dict[str, str] = json.loads(self._seal.open(sealed, _owner(room_id)))
        return opened

    def _one_at_a_time(self, room_id: str) -> asyncio.Lock:
        """A room that is slow to close holds up no other."""
        return self._changing.setdefault(room_id, asyncio.Lock())

    def _connector(self, connector: Mapping[str, Any]) -> RoomConnector:
        kind = str(connector.get("kind"))
        if kind not in self._connectors:
            known = ", ".join(sorted(self._connectors))
            raise Problem(
                422, "Unknown connector", f"no connector is of kind {kind!r}; known: {known}"
            )
        return self._connectors[kind]

    def _way_into(self, room: Room) -> RoomConnector:
        return self._connectors[str(room.connector["kind"])]

    def _count(self, state: RoomState) -> int:
        return Counter(kept.keeper.state for kept in self._kept.values())[state]


def _owner(room_id: str) -> str:
    return f"room {room_id}"


def _description(room: Room) -> tuple[object, ...]:
    return (room.title, dict(room.connector), list(room.languages), list(room.policies))
