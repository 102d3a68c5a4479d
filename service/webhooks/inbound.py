"""Events from room servers, by Standard Webhooks.

A call is accepted if a secret of POST /v1/hooks/secrets signed it recently and it is new. A retry
(the same `webhook-id`, signed anew) is answered and does nothing. The identical call is a replay
and is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog

from service.access.audit import Action, make_entry
from service.access.keys import Role
from service.access.ports import AuditStore
from service.access.scope import require_new_in_scope
from service.access.sealing import CannotOpen, Seal
from service.clock import Clock, Timestamp
from service.errors import Problem
from service.metrics import Metrics
from service.rooms.control import LiveSpeakers, RoomControl
from service.rooms.new_room import NewRoom, check_packs
from service.rooms.opening_policy import Wanted
from service.rooms.room import RoomState, Speaker
from service.rulebook.ports import PacksInForce
from service.webhooks.hook_event import (
    TYPES,
    HookEvent,
    RoomData,
    SpeakerData,
    parse_event,
    read_as,
)
from service.webhooks.signing import BadSignature, VerifiedCall, verify

log = structlog.get_logger()

MAX_BYTES = 20_000
MOST_SECRETS = 2
"""Secrets of one room server: the new one and the one that it replaces."""
REMEMBERED_FOR = timedelta(days=7)
"""Time that a `webhook-id` is remembered; longer than any sender retries."""


class HookOutcome(StrEnum):
    """Outcome of an accepted call.

    IGNORED: the type is unknown, or the room or speaker is not listened to.
    NOT_LISTENED: EARSHOT_LISTEN_TO does not name the room.
    """

    DONE = "done"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    NOT_LISTENED = "not_listened"


@dataclass(frozen=True, slots=True)
class HookSecret:
    """Entry of a room server's secret, without the secret.

    Attributes:
        rooms: Ids and globs of the rooms that its calls may be about; empty for all.
    """

    id: str
    room_server: str
    created_by: str
    created_at: Timestamp
    rooms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedHookSecret:
    shown: HookSecret
    secret: str = field(repr=False)


class HookStore(Protocol):
    async def add_secret(self, secret: SealedHookSecret) -> None:
        """Store a secret.

        Raises:
            Problem: 409, the room server has two already.
        """
        ...

    async def secrets(self) -> Sequence[SealedHookSecret]:
        """Return all secrets, oldest first."""
        ...

    async def remove_secret(self, secret_id: str) -> bool: ...

    async def signed_at(self, room_server: str, message_id: str) -> int | None:
        """Return the time of the newest signature on a call with this id, in Unix seconds."""
        ...

    async def record(self, signed: VerifiedCall, outcome: str, now: datetime) -> None: ...

    async def forget_calls(self, before: datetime) -> None:
        """Delete the records of calls received before this time."""
        ...


class Hooks:
    """Receiver of room servers' events.

    Args:
        policies: Packs that a room may name.
        wanted: Rooms that `room.started` may open.
    """

    def __init__(
        self,
        store: HookStore,
        seal: Seal,
        rooms: RoomControl,
        speakers: LiveSpeakers,
        *,
        policies: PacksInForce,
        wanted: Wanted,
        audit: AuditStore,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._seal = seal
        self._rooms = rooms
        self._speakers = speakers
        self._policies = policies
        self._wanted = wanted
        self._audit = audit
        self._metrics = metrics
        self._clock = clock
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def receive(self, headers: Mapping[str, str], body: bytes) -> HookOutcome:
        """Act on a call once.

        Args:
            headers: Headers of the request, by lower-case name.

        Raises:
            Problem: 401 for a bad signature, 422 for an invalid event, and the problems of
                `Supervisor.open`.
        """
        try:
            secrets = await self._secrets()
            signed = verify(
                {id_: [secret] for id_, (_, secret) in secrets.items()},
                headers,
                body,
                self._clock(),
            )
            signer = secrets[signed.signer][0]
            signed = replace(signed, signer=signer.room_server)
            lock = self._under_way.setdefault(f"{signed.signer} {signed.id}", asyncio.Lock())
            async with lock:
                done = await self._once(signed, signer, body)
        except BadSignature as error:
            self._metrics.hooks.labels(error.kind).inc()
            log.warning("hook.refused", kind=error.kind)
            raise Problem(401, "Not signed", str(error)) from error
        except Problem:
            self._metrics.hooks.labels("invalid").inc()
            raise
        self._metrics.hooks.labels(done).inc()
        return done

    async def _secrets(self) -> Mapping[str, tuple[HookSecret, str]]:
        """Return the secrets that can be read, by their ids."""
        found = {}
        for one in await self._store.secrets():
            try:
                secret = self._seal.open(one.secret, one.shown.id)
            except CannotOpen:
                log.error("hook.secret_unreadable", secret=one.shown.id)
                continue
            found[one.shown.id] = (one.shown, secret)
        return found

    async def _once(self, signed: VerifiedCall, signer: HookSecret, body: bytes) -> HookOutcome:
        before = await self._store.signed_at(signed.signer, signed.id)
        if before is not None and signed.timestamp <= before:
            raise BadSignature("replayed", "the same call came before; sign each attempt anew")
        done = (
            HookOutcome.DUPLICATE
            if before is not None
            else await self._act(parse_event(body), signer)
        )
        await self._store.record(signed, done, self._clock())
        log.info("hook.received", room_server=signed.signer, outcome=done)
        return done

    async def _act(self, event: HookEvent, signer: HookSecret) -> HookOutcome:
        room_server = signer.room_server
        if event.type in TYPES:
            room_id = read_as(RoomData, event.data).room.id
            require_new_in_scope(signer, room_id, what="data.room.id")
        match event.type:
            case "room.started":
                return await self._started(event.data, signer)
            case "room.ended":
                return await self._ended(read_as(RoomData, event.data).room.id, room_server)
            case "speaker.left":
                sent = read_as(SpeakerData, event.data)
                reason = "the room server said so"
                gone = await self._rooms.dismiss(sent.room.id, sent.speaker.id, reason)
                gone |= await self._rooms.record_departure(sent.room.id, sent.speaker.id)
                return HookOutcome.DONE if gone else HookOutcome.IGNORED
            case "speaker.muted" | "speaker.unmuted":
                sent = read_as(SpeakerData, event.data)
                known = await self._rooms.record_mute(
                    sent.room.id, sent.speaker.id, muted=event.type == "speaker.muted"
                )
                return HookOutcome.DONE if known else HookOutcome.IGNORED
            case "speaker.joined" | "speaker.role_changed":
                sent = read_as(SpeakerData, event.data)
                name = sent.speaker.name or sent.speaker.id
                here = self._speakers.speakers(sent.room.id)
                muted = any(one.muted for one in here if one.id == sent.speaker.id)
                speaker = Speaker(sent.room.id, sent.speaker.id, name, sent.speaker.role, muted)
                known = await self._speakers.speaker_changed(speaker)
                return HookOutcome.DONE if known else HookOutcome.IGNORED
            case _:
                return HookOutcome.IGNORED

    async def _started(self, data: Mapping[str, Any], signer: HookSecret) -> HookOutcome:
        room_id = read_as(RoomData, data).room.id
        if room_id not in self._wanted:
            return HookOutcome.NOT_LISTENED
        sent = data["room"]
        if sent.get("connector") is None:
            return HookOutcome.IGNORED
        room = read_as(NewRoom, {name: sent[name] for name in NewRoom.model_fields if name in sent})
        for place in room.connector.places():
            require_new_in_scope(signer, place, what="the place of data.room.connector")
        check_packs(room.policies, self._policies.packs)
        _, new = await self._rooms.open(
            room.id,
            title=room.title,
            connector=room.connector.shown(),
            secrets=room.connector.secrets(),
            languages=room.languages,
            policies=room.policies,
            tags=room.tags,
        )
        if new:
            await self._record(signer.room_server, Action.ROOM_OPENED, room.id)
        return HookOutcome.DONE

    async def _ended(self, room_id: str, room_server: str) -> HookOutcome:
        try:
            room = await self._rooms.find(room_id)
            if room.state is RoomState.ENDED:
                return HookOutcome.IGNORED
            await self._rooms.close(room_id)
        except Problem as error:
            if error.status == 404:  # unknown here, or ended meanwhile
                return HookOutcome.IGNORED
            raise
        await self._record(room_server, Action.ROOM_CLOSED, room_id)
        return HookOutcome.DONE

    async def _record(self, room_server: str, action: Action, room_id: str) -> None:
        entry = make_entry(
            room_server,
            action,
            room_id,
            self._clock(),
            reason="by its signed event",
            role=Role.ROOM_SERVER,
        )
        await self._audit.add(entry)
