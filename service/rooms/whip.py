"""Speakers publish into a room by WHIP (RFC 9725); each is a peer of its own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from service.errors import Problem
from service.listening.packet import Packet
from service.rooms.connector import RoomListener
from service.rooms.peer import BadCandidate, BadOffer, Candidates, Peer
from service.rooms.room import Room, Speaker

log = structlog.get_logger()

_SILENT_S = 5.0
"""A session without a packet for so long may be replaced: even silence sends some."""


@dataclass(slots=True)
class Publisher:
    """A speaker's WHIP session. `etag` changes with the ICE session, which never restarts here.

    Attributes:
        heard_s: When the last packet came, or the session began (monotonic seconds).
        joined: The room's listener knows of the speaker, or never will.
    """

    id: str
    speaker: Speaker
    peer: Peer
    heard_s: float
    joined: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def etag(self) -> str:
        return f'"{self.peer.ufrag}"'


class WhipConnector:
    """The publishers of all WHIP rooms. `run` owns the tasks that let ended peers go.

    Args:
        addresses: Local addresses that answers offer; None: all but loopback.
    """

    kind = "whip"

    def __init__(self, listener: RoomListener, *, addresses: Sequence[str] | None) -> None:
        self._listener = listener
        self._addresses = addresses
        self._rooms: set[str] = set()
        self._sessions: dict[str, Publisher] = {}
        self._taken: dict[tuple[str, str], str] = {}
        self._ended: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # one entry a peer at most

    async def run(self) -> None:
        """Let go of peers whose connection ended, until cancelled; then of all that are left."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    session_id, reason = await self._ended.get()
                    dropping = self._drop(session_id, reason, cut_off=True)
                    tasks.create_task(dropping, name=f"drop {session_id}")
        finally:
            closing = [session.peer.close() for session in self._sessions.values()]
            await asyncio.gather(*closing, return_exceptions=True)

    async def join(self, room: Room) -> None:
        self._rooms.add(room.id)

    async def leave(self, room_id: str, reason: str) -> None:
        self._rooms.discard(room_id)
        async with asyncio.TaskGroup() as tasks:
            for session in self._sessions.values():
                if session.speaker.room_id == room_id:
                    tasks.create_task(self._drop(session.id, reason), name=f"drop {session.id}")

    async def dismiss(self, room_id: str, speaker_id: str, reason: str) -> bool:
        session_id = self._taken.get((room_id, speaker_id))
        if session_id not in self._sessions:
            return False
        await self._drop(session_id, reason)
        return True

    def peers(self) -> int:
        """Publishers connected or connecting."""
        return len(self._sessions)

    async def publish(self, speaker: Speaker, offer: str) -> Publisher:
        """Answer a speaker's offer.

        Raises:
            Problem: 404, 409 or 400; no peer is left behind.
        """
        self._check_open(speaker.room_id)
        key = (speaker.room_id, speaker.id)
        await self._replace_silent(key)
        if key in self._taken:
            raise Problem(
                409,
                "Already publishing",
                f"speaker {speaker.id!r} already publishes into room {speaker.room_id!r}; DELETE "
                f"that session, or try again when it has been silent for {_SILENT_S:.0f} s",
            )
        session_id = secrets.token_urlsafe(12)
        self._taken[key] = session_id
        try:
            return await self._answer(session_id, speaker, offer)
        except BaseException:
            self._free(key, session_id)
            raise

    async def _replace_silent(self, key: tuple[str, str]) -> None:
        """Let go of a session whose client has gone without a word, as a reloaded page does."""
        session = self._sessions.get(self._taken.get(key, ""))
        if session is None:
            return
        silent_s = asyncio.get_running_loop().time() - session.heard_s
        if silent_s >= _SILENT_S:
            await self._drop(session.id, "replaced by a new connection", cut_off=True)

    def _check_open(self, room_id: str) -> None:
        if room_id not in self._rooms:
            raise Problem(404, "No such room", f"room {room_id!r} is not listened to")

    def _free(self, key: tuple[str, str], session_id: str) -> None:
        if self._taken.get(key) == session_id:
            del self._taken[key]

    async def _answer(self, session_id: str, speaker: Speaker, offer: str) -> Publisher:
        room_id, speaker_id = speaker.room_id, speaker.id
        publisher: Publisher | None = None

        def heard(packet: Packet) -> None:
            if publisher is not None:
                publisher.heard_s = packet.arrived_s
                self._listener.push(room_id, speaker_id, packet)

        try:
            peer = await Peer.answer(
                offer,
                on_packet=heard,
                on_ended=lambda reason: self._end_later(session_id, reason),
                addresses=self._addresses,
            )
        except BadOffer as error:
            raise Problem(400, "Bad offer", str(error)) from error
        now_s = asyncio.get_running_loop().time()
        publisher = Publisher(session_id, speaker, peer, heard_s=now_s)
        try:
            self._check_open(room_id)  # it may have been closed meanwhile
            self._sessions[session_id] = publisher
            await self._listener.speaker_joined(speaker)
        except BaseException:
            self._sessions.pop(session_id, None)
            await peer.close()
            raise
        finally:
            publisher.joined.set()
        log.info("whip.published", room=room_id, session=session_id)
        return publisher

    def session(self, room_id: str, session_id: str) -> Publisher:
        """Raises: Problem 404."""
        found = self._sessions.get(session_id)
        if found is None or found.speaker.room_id != room_id:
            raise Problem(404, "No such session", f"room {room_id!r} has no such WHIP session")
        return found

    async def trickle(
        self, session: Publisher, candidates: Candidates, if_match: str | None
    ) -> None:
        """Take trickled candidates.

        Raises:
            Problem: 428 without an If-Match header, 412 for another ICE session, 422 for an ICE
                restart, 400 for a line that is no candidate.
        """
        if if_match is None:
            raise Problem(428, "If-Match missing", "send the ETag of the 201 response in If-Match")
        if if_match == "*" or session.peer.restarts(candidates):
            raise Problem(
                422, "No ICE restart", "ICE restarts are not supported: DELETE and POST anew"
            )
        if session.etag not in [tag.strip() for tag in if_match.split(",")]:
            raise Problem(412, "Stale ETag", "If-Match is not the ETag of this ICE session")
        try:
            await session.peer.add_candidates(candidates)
        except BadCandidate as error:
            raise Problem(400, "Bad candidate", str(error)) from error

    async def end(self, session: Publisher) -> None:
        """The publisher says goodbye."""
        await self._drop(session.id, "the speaker left")

    def _end_later(self, session_id: str, reason: str) -> None:
        self._ended.put_nowait((session_id, reason))

    async def _drop(self, session_id: str, reason: str, *, cut_off: bool = False) -> None:
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        speaker = session.speaker
        try:
            await session.joined.wait()
            try:
                await session.peer.close()
            finally:
                await self._listener.speaker_left(speaker, reason, cut_off=cut_off)
        except Exception:
            log.exception("whip.farewell_failed", session=session_id)
        finally:
            self._free((speaker.room_id, speaker.id), session_id)
        log.info("whip.ended", room=speaker.room_id, session=session_id, reason=reason)
