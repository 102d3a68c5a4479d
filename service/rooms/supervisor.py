"""Supervisor of all rooms: opens, shows, resumes and ends them, with a keeper for each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import structlog

from service.access.sealing import CannotOpen, Seal
from service.clock import Clock
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.actions import CannotAct, Carrier, ImpossibleAction, Obstacle, RoomAction
from service.rooms.connector import Audience, RoomConnector
from service.rooms.keeper import Keeper
from service.rooms.muted import MutedSpeakers
from service.rooms.notice import Notice
from service.rooms.ports import MuteStore, RoomStore
from service.rooms.room import Room, RoomState
from service.rooms.room_secrets import RoomSecrets

log = structlog.get_logger()

ENDED_BY_MODERATOR = "ended by a moderator"
_ENDED = (
    "The room has ended, so nothing can be done in it; if the speaker is in another room, act on an"
    " alert there."
)
_LOST = (
    "earshot is not in the room now, so it cannot act there; wait until it has joined the room"
    " again, or act at the room server."
)
_CLOSED = "the room was closed"
_END_S = 30.0
"""Longest wait for a room that is ending: twice the longest wait for its last words."""


@dataclass(frozen=True, slots=True)
class _OpenRoom:
    """A room with its keeper and the parts that the keeper was made of."""

    room: Room
    secrets: Mapping[str, str]
    muted: MutedSpeakers
    keeper: Keeper
    task: asyncio.Task[None]


class Supervisor:
    """Supervisor with one connector for each kind of room. `run` owns a task for each room.

    Attributes:
        started: Set once the rooms of the run before are open again.

    Args:
        seal: Seals the secrets of a room's connector.
        notice: Notice to the members of a room.
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
        self._secrets = RoomSecrets(store, seal)
        self._notice = notice
        self._metrics = metrics
        self._clock = clock
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: asyncio.TaskGroup | None = None
        self._rooms: dict[str, _OpenRoom] = {}
        self.started = asyncio.Event()
        for state in RoomState:
            if state is not RoomState.ENDED:
                counts = partial(self._count, state)
                metrics.rooms.labels(state).set_function(counts)

    async def run(self) -> NoReturn:
        """Run the keepers of all open rooms, and of rooms opened from now on, until cancelled."""
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
        """Start a keeper for every room that has not ended.

        A room without a connector, or with secrets that cannot be read, is lost; the others start.
        """
        for room in await self._store.listening():
            if str(room.connector.get("kind")) not in self._connectors:
                log.error("room.not_resumed", room=room.id)
                await self._store.set_state(room.id, RoomState.LOST, "no connector of its kind")
                continue
            try:
                secrets = await self._secrets.load(room.id)
            except CannotOpen:
                log.error("room.secrets_unreadable", room=room.id)
                reason = (
                    "its secrets were sealed with another key; DELETE the room and POST it anew"
                )
                await self._store.set_state(room.id, RoomState.LOST, reason)
                continue
            self._start_keeper(room, secrets, await self._muted(room.id))

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
        """Begin to listen; return the room, and whether it is new.

        The same call again changes nothing, but a room that is not heard is joined at once.

        Args:
            secrets: Secret fields of the connector.

        Raises:
            Problem: 409 where the id belongs to a room with another description, 422 for an unknown
                kind of connector, 503 while stopping.
        """
        wanted = Room(
            id=room_id,
            title=title,
            connector=dict(connector),
            languages=list(languages),
            policies=list(policies),
            state=self._connector(connector).opens_as,
            joined_at=self._clock(),
            notice=self._notice.text(languages),
        )
        async with self._one_at_a_time(room_id):
            await self._until_ended(room_id)
            known = await self._store.get(room_id)
            muted = await self._muted(room_id)
            if known is not None and known.state is not RoomState.ENDED:
                await self._check_same(known, wanted, secrets)
                if room_id in self._rooms:
                    self.retry(room_id)
                else:
                    self._start_keeper(known, secrets, muted)
                return known, False
            await self._add_room(wanted, secrets, muted)
        return wanted, True

    async def _add_room(self, room: Room, secrets: Mapping[str, str], muted: MutedSpeakers) -> None:
        sealed = self._secrets.seal(room.id, secrets)
        self._check_running()
        await self._store.add(room, sealed)
        self._start_keeper(room, secrets, muted)
        log.info("room.opened", room=room.id, connector=room.connector["kind"])

    async def close(self, room_id: str, reason: str = "closed by request") -> None:
        """Stop listening.

        Where that cannot be put on record, the room stays open without its speakers, and may be
        closed again.

        Args:
            reason: Reason, for people.

        Raises:
            Problem: 404 where the room is not listened to.
        """
        async with self._one_at_a_time(room_id):
            room = await self.find(room_id)
            if room.state is RoomState.ENDED:
                raise Problem(404, "No such room", f"room {room_id!r} has ended already")
            opened = self._rooms.pop(room_id, None)
            if opened is not None:
                opened.task.cancel()
                await asyncio.wait([opened.task])
            moderated = reason == ENDED_BY_MODERATOR
            await self._audience.room_left(room_id, reason if moderated else _CLOSED)
            try:
                await self._store.set_state(room_id, RoomState.ENDED, reason)
            except BaseException:  # the record says that it is open: listen to it again
                if opened is not None:
                    self._start_keeper(opened.room, opened.secrets, opened.muted)
                raise
        log.info("room.closed", room=room_id)

    async def act(self, room_id: str, action: RoomAction, person: str, words: str) -> str:
        """Carry out a moderator's action; return the room server's confirmation.

        Args:
            person: Person named as by `person`.
            words: Text for a speaker who is warned.

        Raises:
            CannotAct: The action was not carried out.
        """
        if room_id not in self._rooms:
            raise CannotAct("the room is not listened to any more")
        return await self._rooms[room_id].keeper.act(action, person, words)

    def set_muted(self, room_id: str, person: str, *, muted: bool) -> None:
        """Mute or unmute a person from now on, in the room now or not."""
        if room_id in self._rooms:
            self._rooms[room_id].keeper.set_muted(person, muted=muted)

    async def apply_confirmed(self, room_id: str, action: RoomAction, person: str) -> None:
        """Do earshot's part of an action that the room server has confirmed.

        Raises:
            StoreAway: The end of the room could not be put on record; call it again.
        """
        if room_id not in self._rooms:
            return
        if action is not RoomAction.END:
            await self._rooms[room_id].keeper.apply_confirmed(action, person)
            return
        try:
            await self.close(room_id, ENDED_BY_MODERATOR)
        except Problem as problem:
            if problem.status != 404:  # 404: it has ended meanwhile
                raise

    def rooms(self) -> Sequence[Room]:
        """Return the open rooms, each as it was when its keeper started."""
        return [opened.room for opened in self._rooms.values()]

    def person(self, room_id: str, speaker_id: str) -> str:
        """Return the person who is heard under this id; actions concern persons."""
        if room_id not in self._rooms:
            return speaker_id
        return self._connector_of(self._rooms[room_id].room).person(speaker_id)

    def spawn(self, work: Callable[[], Awaitable[object]], name: str) -> asyncio.Task[None]:
        """Run work that concerns rooms as a task of the supervisor."""
        self._check_running()
        assert self._tasks is not None
        return self._tasks.create_task(self._guarded(work, name), name=name)

    def retry(self, room_id: str) -> None:
        """Join the room at once if it is not heard: something has changed at its room server."""
        if room_id in self._rooms:
            self._rooms[room_id].keeper.retry()

    def ending(self, room_id: str) -> bool:
        """Whether the room has ended and its last words are being put on record."""
        return room_id in self._rooms and self._rooms[room_id].keeper.ending

    async def carriers(self, room_id: str) -> Mapping[RoomAction, Carrier | ImpossibleAction]:
        """Return who carries out each action in the room, or why it is not possible now."""
        room = await self._store.get(room_id)
        return {action: await self._carrier(room, action) for action in RoomAction}

    async def _carrier(self, room: Room | None, action: RoomAction) -> Carrier | ImpossibleAction:
        if room is None or room.state is RoomState.ENDED or self.ending(room.id):
            return ImpossibleAction(action, Obstacle.ROOM_ENDED, _ENDED)
        opened = self._rooms.get(room.id)
        if opened is None or opened.keeper.state is RoomState.LOST:
            return ImpossibleAction(action, Obstacle.ROOM_LOST, _LOST)
        return await self._connector_of(opened.room).carrier(opened.room, action)

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop hearing one speaker; False where they are not heard."""
        if room_id not in self._rooms:
            return False
        return await self._rooms[room_id].keeper.dismiss(speaker_id, reason)

    async def find(self, room_id: str) -> Room:
        """Return the room.

        Raises:
            Problem: 404 where no room has the id.
        """
        room = await self._store.get(room_id)
        if room is None:
            raise Problem(404, "No such room", f"no room has the id {room_id!r}")
        return room

    def _start_keeper(self, room: Room, secrets: Mapping[str, str], muted: MutedSpeakers) -> None:
        self._check_running()
        assert self._tasks is not None
        connector = self._connector_of(room)
        keeper = Keeper(
            room,
            lambda: connector.enter(room, secrets, muted),
            muted,
            opens_as=connector.opens_as,
            audience=self._audience,
            store=self._store,
            metrics=self._metrics,
        )
        task = self._tasks.create_task(self._run_keeper(room.id, keeper), name=f"room {room.id}")
        self._rooms[room.id] = _OpenRoom(room, secrets, muted, keeper, task)

    async def _run_keeper(self, room_id: str, keeper: Keeper) -> None:
        await self._guarded(keeper.run, f"room {room_id}")
        if room_id in self._rooms and self._rooms[room_id].keeper is keeper:
            del self._rooms[room_id]

    async def _guarded(self, work: Callable[[], Awaitable[object]], name: str) -> None:
        """Do work whose failure must stop no other task."""
        try:
            await work()
        except Exception:
            self._metrics.failures.labels("room").inc()
            log.exception("room.task_failed", task=name)

    async def _until_ended(self, room_id: str) -> None:
        """Wait while a room is ending, so that it can be opened again.

        Raises:
            Problem: 503 where it takes too long.
        """
        if self.ending(room_id):
            await asyncio.wait([self._rooms[room_id].task], timeout=_END_S)
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
        same = await self._secrets.are_on_record(known.id, secrets)
        if not same or _description(known) != _description(wanted):
            raise Problem(
                409,
                "Room differs",
                f"room {known.id!r} is listened to already, described otherwise; "
                "DELETE it first or send the same body",
            )

    def _one_at_a_time(self, room_id: str) -> asyncio.Lock:
        """Return the room's lock: a room that is slow to close delays no other."""
        return self._changing.setdefault(room_id, asyncio.Lock())

    def _connector(self, connector: Mapping[str, Any]) -> RoomConnector:
        kind = str(connector.get("kind"))
        if kind not in self._connectors:
            known = ", ".join(sorted(self._connectors))
            raise Problem(
                422, "Unknown connector", f"no connector is of kind {kind!r}; known: {known}"
            )
        return self._connectors[kind]

    def _connector_of(self, room: Room) -> RoomConnector:
        return self._connectors[str(room.connector["kind"])]

    def _count(self, state: RoomState) -> int:
        return Counter(opened.keeper.state for opened in self._rooms.values())[state]


def _description(room: Room) -> tuple[object, ...]:
    return (room.title, dict(room.connector), list(room.languages), list(room.policies))
