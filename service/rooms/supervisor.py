"""Supervisor of all rooms: opens, changes, resumes and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import structlog

from service.access.scope import no_such_room
from service.access.sealing import CannotOpen, Seal
from service.clock import Clock
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.connector import Audience, RoomConnector
from service.rooms.muted import MutedSpeakers
from service.rooms.notice import Notice
from service.rooms.open_rooms import OpenRooms
from service.rooms.ports import MuteStore, RoomStore
from service.rooms.room import Room, RoomState
from service.rooms.room_change import RoomChange, apply_change, description_of
from service.rooms.room_secrets import RoomSecrets

log = structlog.get_logger()

ENDED_BY_MODERATOR = "ended by a moderator"
_CLOSED = "the room was closed"


class Supervisor:
    """Supervisor with one connector for each kind of room. `run` owns a task for each room.

    Attributes:
        open_rooms: Rooms that are listened to.
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
        self._audience = audience
        self._secrets = RoomSecrets(store, seal)
        self._notice = notice
        self._clock = clock
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.open_rooms = OpenRooms(connectors, audience, store, metrics=metrics)
        self.started = asyncio.Event()

    async def run(self) -> NoReturn:
        """Run the keepers of all open rooms, and of rooms opened from now on, until cancelled."""
        async with self.open_rooms.running():
            await self._resume()
            self.started.set()
            await asyncio.Event().wait()
        raise AssertionError("it never ends by itself")

    async def _resume(self) -> None:
        """Start a keeper for every room that has not ended.

        A room without a connector, or with secrets that cannot be read, is lost; the others start.
        """
        for room in await self._store.listening():
            if not self.open_rooms.has_connector(room):
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
            self.open_rooms.start_keeper(room, secrets, await self._muted(room.id))

    async def open(
        self,
        room_id: str,
        *,
        title: str,
        connector: Mapping[str, Any],
        secrets: Mapping[str, str],
        languages: Sequence[str],
        policies: Sequence[str],
        tags: Sequence[str] = (),
    ) -> tuple[Room, bool]:
        """Begin to listen; return the room, and whether it is new.

        The same call again changes nothing, but a room that is not heard is joined at once. A room
        that was changed since is the same under both descriptions: the one with which it was
        opened, and the present one.

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
            state=self.open_rooms.connector(connector).opens_as,
            joined_at=self._clock(),
            notice=self._notice.text(languages),
            tags=list(tags),
        )
        async with self._one_at_a_time(room_id):
            await self.open_rooms.wait_while_ending(room_id)
            known = await self._store.get(room_id)
            muted = await self._muted(room_id)
            if known is not None and known.state is not RoomState.ENDED:
                await self._check_same(known, wanted, secrets)
                if self.open_rooms.get(room_id) is not None:
                    self.open_rooms.retry(room_id)
                else:
                    self.open_rooms.start_keeper(known, secrets, muted)
                return known, False
            await self._add_room(wanted, secrets, muted)
        return wanted, True

    async def _add_room(self, room: Room, secrets: Mapping[str, str], muted: MutedSpeakers) -> None:
        sealed = self._secrets.seal(room.id, secrets)
        self.open_rooms.check_running()
        await self._store.add(room, sealed)
        self.open_rooms.start_keeper(room, secrets, muted)
        log.info("room.opened", room=room.id, connector=room.connector["kind"])

    async def close(
        self,
        room_id: str,
        reason: str = "closed by request",
        *,
        farewell: str = _CLOSED,
        requested_at: datetime | None = None,
    ) -> None:
        """Stop listening.

        Where that cannot be put on record, the room stays open without its speakers, and may be
        closed again.

        Args:
            reason: Reason, for people.
            farewell: Reason for which its speakers leave.
            requested_at: Time of the request; a room that was opened anew after it stays.

        Raises:
            Problem: 404 where the room is not listened to.
        """
        async with self._one_at_a_time(room_id):
            room = await self.find(room_id)
            if room.state is RoomState.ENDED or room.is_newer_than(requested_at):
                raise Problem(404, "No such room", f"room {room_id!r} has ended already")
            opened = await self.open_rooms.stop_keeper(room_id)
            await self._audience.room_left(room_id, farewell)
            try:
                await self._store.set_state(room_id, RoomState.ENDED, reason)
            except BaseException:  # the record says that it is open: listen to it again
                if opened is not None:
                    self.open_rooms.start_keeper(opened.room, opened.secrets, opened.muted)
                raise
        log.info("room.closed", room=room_id)

    async def change(self, room_id: str, change: RoomChange) -> tuple[Room, Room]:
        """Change a room while it is listened to; return it as it was and as it is.

        Its speakers stay connected, and no packet is lost. A pause ends open utterances, and what
        was said is finished. The change is on record before it applies.

        Raises:
            Problem: 404 where no room has the id, 409 where it has ended.
        """
        async with self._one_at_a_time(room_id):
            if self.open_rooms.ending(room_id):
                raise Problem(409, "Room ended", f"room {room_id!r} has ended; open it again first")
            opened = self.open_rooms.get(room_id)

            def changed(room: Room) -> Room:
                state = room.state if opened is None else opened.keeper.session_state
                return apply_change(room, change, state, self._notice.text, self._clock())

            before, after = await self._store.change(room_id, changed)
            if after != before:
                self.open_rooms.change(after)
                await self._audience.room_changed(after)
                log.info("room.changed", room=room_id, listening=after.listening)
        return before, after

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        """Stop hearing one speaker; False where they are not heard."""
        opened = self.open_rooms.get(room_id)
        return opened is not None and await opened.keeper.dismiss(speaker_id, reason)

    async def record_mute(self, room_id: str, speaker_id: str, *, muted: bool) -> bool:
        """Record that the room server muted or unmuted a speaker; False where it cannot say so."""
        opened = self.open_rooms.get(room_id)
        return opened is not None and await opened.keeper.record_mute(speaker_id, muted=muted)

    async def record_departure(self, room_id: str, speaker_id: str) -> bool:
        """Forget the room server's mute of a speaker who left; False where there is none."""
        opened = self.open_rooms.get(room_id)
        return opened is not None and await opened.muted.left_room(speaker_id)

    async def find(self, room_id: str) -> Room:
        """Return the room.

        Raises:
            Problem: 404 where no room has the id.
        """
        room = await self._store.get(room_id)
        if room is None:
            raise no_such_room(room_id)
        return room

    async def _check_same(self, known: Room, wanted: Room, secrets: Mapping[str, str]) -> None:
        original = await self._store.opened_with(known.id)
        asked = description_of(wanted)
        same = await self._secrets.are_on_record(known.id, secrets)
        same = same and dict(known.connector) == dict(wanted.connector)
        if not same or asked not in (description_of(known), original):
            raise Problem(
                409,
                "Room differs",
                f"room {known.id!r} is listened to already, described otherwise; "
                "DELETE it first or send the same body",
            )

    async def _muted(self, room_id: str) -> MutedSpeakers:
        return MutedSpeakers(room_id, await self._mutes.muted(room_id), self._mutes)

    def _one_at_a_time(self, room_id: str) -> asyncio.Lock:
        """Return the room's lock: a room that is slow to close delays no other."""
        return self._changing.setdefault(room_id, asyncio.Lock())
