"""Room into which speakers publish by WHIP.

Such a room has no connection that could be lost: it is heard while it is open, and its speakers
come and go. Actions go to the room server as `action.requested` webhooks. Once the room server has
confirmed them, the sound of a muted speaker is dropped and the connection of a removed speaker is
closed; until then, earshot hears them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

import structlog

from service.beat import sleep_awake
from service.errors import Problem
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import Muted, RoomListener
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.incoming import BadOffer, Peer
from service.rooms.ports import TokenStore
from service.rooms.room import Room, Speaker
from service.rooms.whip_session import WhipSession

log = structlog.get_logger()

_SILENT_S = 5.0
"""Time without a packet after which a session may be replaced: even silence sends some."""
_SHOWN = 3
"""Speakers with bad sound who are named in the room's state; the others are counted."""


class WhipRoom:
    """WhipSessions of one room. Implements `RoomSession`.

    Args:
        open_: Rooms that can be published into, by id; this one is among them while it runs.
    """

    def __init__(
        self,
        room_id: str,
        listener: RoomListener,
        tokens: TokenStore,
        muted: Muted,
        open_: dict[str, WhipRoom],
        *,
        addresses: Sequence[str] | None,
        metrics: Metrics,
        return_s: float,
    ) -> None:
        self._room_id = room_id
        self._listener = listener
        self._tokens = tokens
        self._muted = muted
        self._open = open_
        self._addresses = addresses
        self._metrics = metrics
        self._return_s = return_s
        self._report: Callable[[str], None] = lambda missing: None
        self._troubles: dict[str, str] = {}
        """Fault in the sound of a session, by session id."""
        self._sessions: dict[str, WhipSession] = {}
        self._session_ids: dict[str, str] = {}
        """Session of each speaker, by speaker id, from the offer to the farewell."""
        self._ended: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # at most one entry per peer

    def __len__(self) -> int:
        return len(self._sessions)

    async def run(self, report: Callable[[str], None]) -> NoReturn:
        self._open[self._room_id] = self
        self._report = report
        report("")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._wait_for_returns(), name="whip returns")
                while True:
                    session_id, reason = await self._ended.get()
                    self._metrics.publishers_lost.labels(reason).inc()
                    dropping = self._drop(session_id, reason, cut_off=True)
                    tasks.create_task(dropping, name=f"drop {session_id}")
        finally:
            if self._open.get(self._room_id) is self:
                del self._open[self._room_id]
            self._report = lambda missing: None
            closing = [session.peer.close() for session in self._sessions.values()]
            self._sessions.clear()
            await asyncio.gather(*closing, return_exceptions=True)

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        raise CannotAct("the room server acts in this room, and learns of it by a webhook")

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        match action:
            case RoomAction.MUTE | RoomAction.UNMUTE:
                await self._show_muted(person, muted=person in self._muted)
            case RoomAction.REMOVE:
                await self._tokens.revoke_tokens(self._room_id, person)
                await self.dismiss(person, "removed by a moderator")
            case RoomAction.END | RoomAction.WARN:
                pass  # the supervisor closes the room; a warning changes nothing here

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        session_id = self._session_ids.get(speaker_id)
        if session_id is None:
            return False
        if session_id not in self._sessions:  # their offer is being answered
            self._release(speaker_id, session_id)
            return False
        await self._drop(session_id, reason)
        return True

    async def record_mute(self, speaker_id: str, *, muted: bool) -> bool:
        if muted:
            await self._muted.muted_by_room(speaker_id)
        else:  # not muted yet, perhaps: a mute that was asked for may be confirmed later
            await self._muted.lifted(speaker_id)
        await self._show_muted(speaker_id, muted=muted)
        return True

    def room_changed(self, room: Room) -> None:
        """Do nothing: `room.state` tells the room server, whose part it is to tell members."""

    async def publish(self, speaker: Speaker, offer: str) -> WhipSession:
        """Answer a speaker's offer.

        Raises:
            Problem: 403, 404, 409, 400, or 500 where the fault is ours; no peer is left behind.
        """
        await self._replace_silent(speaker.id)
        if speaker.id in self._session_ids:
            raise Problem(
                409,
                "Already publishing",
                f"speaker {speaker.id!r} already publishes into room {self._room_id!r}; DELETE "
                f"that session, or try again when it has been silent for {_SILENT_S:.0f} s",
            )
        session_id = secrets.token_urlsafe(12)
        self._session_ids[speaker.id] = session_id
        try:
            return await self._begin_session(
                session_id, replace(speaker, muted=speaker.id in self._muted), offer
            )
        except BaseException:
            self._release(speaker.id, session_id)
            raise

    def session(self, session_id: str) -> WhipSession:
        """Return a session of the room.

        Raises:
            Problem: 404 where there is no such session.
        """
        if session_id not in self._sessions:
            raise Problem(
                404, "No such session", f"room {self._room_id!r} has no such WHIP session"
            )
        return self._sessions[session_id]

    async def end_session(self, session: WhipSession) -> None:
        """End a session at its publisher's request."""
        await self._drop(session.id, "the speaker left")

    async def _wait_for_returns(self) -> None:
        await sleep_awake(self._return_s)
        self._listener.room_heard(self._room_id, set(self._session_ids))

    async def _show_muted(self, speaker_id: str, *, muted: bool) -> None:
        session = self._sessions.get(self._session_ids.get(speaker_id, ""))
        if session is not None:
            session.speaker = replace(session.speaker, muted=muted)
            await self._listener.speaker_changed(session.speaker)

    async def _replace_silent(self, speaker_id: str) -> None:
        """End a session whose client has vanished without a DELETE, as a reloaded page does."""
        session = self._sessions.get(self._session_ids.get(speaker_id, ""))
        if session is None:
            return
        silent_s = asyncio.get_running_loop().time() - session.heard_s
        if silent_s >= _SILENT_S:
            await self._drop(session.id, "replaced by a new connection", cut_off=True)

    def _check_open(self) -> None:
        if self._open.get(self._room_id) is not self:
            raise Problem(404, "No such room", f"room {self._room_id!r} is not listened to")

    def _release(self, speaker_id: str, session_id: str) -> None:
        """Let the speaker publish again, unless another session of theirs has begun."""
        if self._session_ids.get(speaker_id) == session_id:
            del self._session_ids[speaker_id]

    async def _begin_session(self, session_id: str, speaker: Speaker, offer: str) -> WhipSession:
        session: WhipSession | None = None

        def push(packet: Packet) -> None:
            if session is not None:
                session.heard_s = packet.arrived_s
                if speaker.id not in self._muted:
                    self._listener.push(self._room_id, speaker.id, packet)

        peer = await self._answer_offer(session_id, offer, push)
        now_s = asyncio.get_running_loop().time()
        session = WhipSession(session_id, speaker, peer, heard_s=now_s)
        try:
            self._check_open()  # it may have been closed meanwhile
            if self._session_ids.get(speaker.id) != session_id:
                raise Problem(403, "Removed", f"speaker {speaker.id!r} was removed meanwhile")
            self._sessions[session_id] = session
            await self._listener.speaker_joined(speaker)
            if session_id not in self._sessions:  # it was closed while they joined
                await self._listener.speaker_left(speaker, "the room was closed")
                self._check_open()
        except BaseException:
            self._sessions.pop(session_id, None)
            await peer.close()
            raise
        finally:
            session.joined.set()
        log.info("whip.published", room=self._room_id, session=session_id)
        return session

    async def _answer_offer(
        self, session_id: str, offer: str, on_packet: Callable[[Packet], None]
    ) -> Peer:
        try:
            return await Peer.answer(
                offer,
                on_packet=on_packet,
                on_ended=lambda reason: self._ended.put_nowait((session_id, reason)),
                on_trouble=lambda what: self._report_trouble(session_id, what),
                on_unfit=lambda why: self._metrics.packets_unfit.labels(why).inc(),
                addresses=self._addresses,
            )
        except BadOffer as error:
            raise Problem(400, "Bad offer", str(error)) from error
        except CannotAnswer as error:
            error.log(room=self._room_id, session=session_id)
            raise Problem(500, "Cannot answer", str(error)) from error

    def _report_trouble(self, session_id: str, what: str) -> None:
        """Report the speakers who are not heard well.

        Args:
            what: Fault in the sound of the session; empty: there is none any more.
        """
        session = self._sessions.get(session_id)
        if what and session is not None:
            self._troubles[session_id] = f"{session.speaker.id}: {what}"
            self._metrics.publishers_troubled.labels(what).inc()
            log.warning("whip.trouble", room=self._room_id, session=session_id, what=what)
        elif self._troubles.pop(session_id, None) is None:
            return
        named = sorted(self._troubles.values())
        more = [f"{len(named) - _SHOWN} more"] if len(named) > _SHOWN else []
        self._report("; ".join(named[:_SHOWN] + more))

    async def _drop(self, session_id: str, reason: str, *, cut_off: bool = False) -> None:
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        self._report_trouble(session_id, "")
        try:
            await session.joined.wait()
            try:
                await session.peer.close()
            finally:
                last_lost = session.peer.dropped_s > session.heard_s
                await self._listener.speaker_left(
                    session.speaker, reason, cut_off=cut_off or last_lost
                )
        except Exception:
            log.exception("whip.farewell_failed", session=session_id)
        finally:
            self._release(session.speaker.id, session_id)
        log.info("whip.ended", room=self._room_id, session=session_id, reason=reason)
