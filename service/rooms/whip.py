"""Rooms whose speakers publish to us themselves, by WHIP (RFC 9725).

Such a room has no connection that could be lost: it is heard while it is open, and its speakers
come and go. What a moderator decides goes to the room server as an `action.requested` webhook; what
we do about it ourselves is that a muted speaker's sound is passed over and a removed one is let go.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import structlog

from service.errors import Problem
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import Muted, RoomListener, RoomOver
from service.rooms.control import ActionRoute, Published
from service.rooms.peer.contract import CannotAnswer
from service.rooms.peer.incoming import BadCandidate, BadOffer, Candidates, Peer, parse_candidates
from service.rooms.ports import TokenStore
from service.rooms.room import Room, RoomState, Speaker

log = structlog.get_logger()

_SILENT_S = 5.0
"""A session without a packet for so long may be replaced: even silence sends some."""
_SHOWN = 3
"""Speakers who cannot be heard well and are named; the others are counted."""
_RETURN_S = 60.0
"""Speakers who were cut off when the server stopped come back by themselves within this time."""


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
    """All WHIP rooms. Implements `RoomConnector` and `WhipPublishing`.

    Args:
        tokens: A removed speaker's are revoked.
        addresses: Local addresses that answers offer; None: all but loopback.
        told: Whether a webhook tells the room server of what is asked for in this room.
        return_s: See `_RETURN_S`.
    """

    kind = "whip"
    opens_as = RoomState.LISTENING

    def __init__(
        self,
        listener: RoomListener,
        tokens: TokenStore,
        *,
        addresses: Sequence[str] | None,
        told: ActionRoute,
        metrics: Metrics,
        return_s: float = _RETURN_S,
    ) -> None:
        self._listener = listener
        self._tokens = tokens
        self._addresses = addresses
        self._told = told
        self._metrics = metrics
        self._return_s = return_s
        self._open: dict[str, WhipRoom] = {}

    def enter(self, room: Room, secrets: Mapping[str, str], muted: Muted) -> WhipRoom:
        return WhipRoom(
            room.id,
            self._listener,
            self._tokens,
            muted,
            self._open,
            addresses=self._addresses,
            told=self._told,
            metrics=self._metrics,
            return_s=self._return_s,
        )

    def actions(self, room: Room) -> Collection[RoomAction]:
        return tuple(RoomAction)

    def person(self, speaker_id: str) -> str:
        return speaker_id  # publish tokens see to it that nobody else is heard under it

    def peers(self) -> int:
        """Publishers connected or connecting."""
        return sum(map(len, self._open.values()))

    async def publish(self, speaker: Speaker, offer: str) -> Published:
        session = await self.room(speaker.room_id).publish(speaker, offer)
        return Published(session.id, session.etag, session.peer.sdp)

    async def trickle(
        self, speaker: Speaker, session_id: str, fragment: str, if_match: str | None
    ) -> None:
        session = self._own(speaker, session_id)
        try:
            candidates = parse_candidates(fragment)
        except BadCandidate as error:
            raise Problem(400, "Bad candidate", str(error)) from error
        await trickle(session, candidates, if_match)

    async def end(self, speaker: Speaker, session_id: str) -> None:
        await self.room(speaker.room_id).end(self._own(speaker, session_id))

    def _own(self, speaker: Speaker, session_id: str) -> Publisher:
        session = self.room(speaker.room_id).session(session_id)
        if session.speaker.id != speaker.id:
            raise Problem(403, "Not your session", "the token belongs to another speaker")
        return session

    def room(self, room_id: str) -> WhipRoom:
        """Raises: Problem 404."""
        if room_id not in self._open:
            raise Problem(404, "No such room", f"room {room_id!r} is not listened to")
        return self._open[room_id]


class WhipRoom:
    """One room's publishers. Implements `RoomSession`.

    Args:
        open_: The rooms that can be published into: this one is, while it runs.
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
        told: ActionRoute,
        metrics: Metrics,
        return_s: float,
    ) -> None:
        self._room_id = room_id
        self._listener = listener
        self._tokens = tokens
        self._muted = muted
        self._open = open_
        self._addresses = addresses
        self._told = told
        self._metrics = metrics
        self._return_s = return_s
        self._tell: Callable[[str], None] = lambda missing: None
        self._troubles: dict[str, str] = {}
        """What is wrong with the sound of a session, where something is."""
        self._sessions: dict[str, Publisher] = {}
        self._taken: dict[str, str] = {}
        self._ended: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # one entry a peer at most
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __len__(self) -> int:
        return len(self._sessions)

    async def run(self, tell: Callable[[str], None]) -> NoReturn:
        self._open[self._room_id] = self
        self._tell = tell
        tell("")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._wait_for_returns(), name="whip returns")
                tasks.create_task(self._until_over(), name="whip over")
                while True:
                    session_id, reason = await self._ended.get()
                    self._metrics.publishers_lost.labels(reason).inc()
                    dropping = self._drop(session_id, reason, cut_off=True)
                    tasks.create_task(dropping, name=f"drop {session_id}")
        finally:
            if self._open.get(self._room_id) is self:
                del self._open[self._room_id]
            self._tell = lambda missing: None
            closing = [session.peer.close() for session in self._sessions.values()]
            self._sessions.clear()
            await asyncio.gather(*closing, return_exceptions=True)

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        told = self._told(self._room_id)
        server = "the room server was told" if told else "no webhook tells the room server"
        match action:
            case RoomAction.WARN:
                if not told:
                    raise CannotAct(
                        "no webhook takes action.requested, so that nobody would warn the speaker"
                    )
                return server
            case RoomAction.MUTE | RoomAction.UNMUTE:
                await self._show_muted(person, muted=action is RoomAction.MUTE)
                done = "not heard" if action is RoomAction.MUTE else "heard again"
                return f"the speaker is {done} here; {server}"
            case RoomAction.REMOVE:
                await self._tokens.revoke_tokens(self._room_id, person)
                here = await self.dismiss(person, "removed by a moderator")
                gone = "the speaker's connection is closed" if here else "the speaker is not here"
                return f"{gone}; {server}"
            case RoomAction.END:
                if not self._over.done():
                    self._over.set_result("ended by a moderator")
                return f"the room is closed; {server}"

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        session_id = self._taken.get(speaker_id)
        if session_id is None:
            return False
        if session_id not in self._sessions:  # their offer is being answered
            self._free(speaker_id, session_id)
            return False
        await self._drop(session_id, reason)
        return True

    async def publish(self, speaker: Speaker, offer: str) -> Publisher:
        """Answer a speaker's offer.

        Raises:
            Problem: 403, 404, 409, 400, or 500 where the fault is ours; no peer is left behind.
        """
        await self._replace_silent(speaker.id)
        if speaker.id in self._taken:
            raise Problem(
                409,
                "Already publishing",
                f"speaker {speaker.id!r} already publishes into room {self._room_id!r}; DELETE "
                f"that session, or try again when it has been silent for {_SILENT_S:.0f} s",
            )
        session_id = secrets.token_urlsafe(12)
        self._taken[speaker.id] = session_id
        try:
            return await self._answer(
                session_id, replace(speaker, muted=speaker.id in self._muted), offer
            )
        except BaseException:
            self._free(speaker.id, session_id)
            raise

    def session(self, session_id: str) -> Publisher:
        """Raises: Problem 404."""
        if session_id not in self._sessions:
            raise Problem(
                404, "No such session", f"room {self._room_id!r} has no such WHIP session"
            )
        return self._sessions[session_id]

    async def end(self, session: Publisher) -> None:
        """The publisher says goodbye."""
        await self._drop(session.id, "the speaker left")

    async def _wait_for_returns(self) -> None:
        await asyncio.sleep(self._return_s)
        self._listener.room_heard(self._room_id, set(self._taken))

    async def _until_over(self) -> None:
        raise RoomOver(await self._over)

    async def _show_muted(self, speaker_id: str, *, muted: bool) -> None:
        session = self._sessions.get(self._taken.get(speaker_id, ""))
        if session is not None:
            session.speaker = replace(session.speaker, muted=muted)
            await self._listener.speaker_changed(session.speaker)

    async def _replace_silent(self, speaker_id: str) -> None:
        """Let go of a session whose client has gone without a word, as a reloaded page does."""
        session = self._sessions.get(self._taken.get(speaker_id, ""))
        if session is None:
            return
        silent_s = asyncio.get_running_loop().time() - session.heard_s
        if silent_s >= _SILENT_S:
            await self._drop(session.id, "replaced by a new connection", cut_off=True)

    def _check_open(self) -> None:
        if self._open.get(self._room_id) is not self:
            raise Problem(404, "No such room", f"room {self._room_id!r} is not listened to")

    def _free(self, speaker_id: str, session_id: str) -> None:
        if self._taken.get(speaker_id) == session_id:
            del self._taken[speaker_id]

    async def _answer(self, session_id: str, speaker: Speaker, offer: str) -> Publisher:
        publisher: Publisher | None = None

        def heard(packet: Packet) -> None:
            if publisher is not None:
                publisher.heard_s = packet.arrived_s
                if speaker.id not in self._muted:
                    self._listener.push(self._room_id, speaker.id, packet)

        try:
            peer = await Peer.answer(
                offer,
                on_packet=heard,
                on_ended=lambda reason: self._ended.put_nowait((session_id, reason)),
                on_trouble=lambda what: self._trouble(session_id, what),
                on_unfit=lambda why: self._metrics.packets_unfit.labels(why).inc(),
                addresses=self._addresses,
            )
        except BadOffer as error:
            raise Problem(400, "Bad offer", str(error)) from error
        except CannotAnswer as error:
            error.log(room=self._room_id, session=session_id)
            raise Problem(500, "Cannot answer", str(error)) from error
        now_s = asyncio.get_running_loop().time()
        publisher = Publisher(session_id, speaker, peer, heard_s=now_s)
        try:
            self._check_open()  # it may have been closed meanwhile
            if self._taken.get(speaker.id) != session_id:
                raise Problem(403, "Removed", f"speaker {speaker.id!r} was removed meanwhile")
            self._sessions[session_id] = publisher
            await self._listener.speaker_joined(speaker)
            if session_id not in self._sessions:  # it was closed while they joined
                await self._listener.speaker_left(speaker, "the room was closed")
                self._check_open()
        except BaseException:
            self._sessions.pop(session_id, None)
            await peer.close()
            raise
        finally:
            publisher.joined.set()
        log.info("whip.published", room=self._room_id, session=session_id)
        return publisher

    def _trouble(self, session_id: str, what: str) -> None:
        """Say of the room what of it is not heard, or that all is again."""
        session = self._sessions.get(session_id)
        if what and session is not None:
            self._troubles[session_id] = f"{session.speaker.id}: {what}"
            self._metrics.publishers_troubled.labels(what).inc()
            log.warning("whip.trouble", room=self._room_id, session=session_id, what=what)
        elif self._troubles.pop(session_id, None) is None:
            return
        named = sorted(self._troubles.values())
        more = [f"{len(named) - _SHOWN} more"] if len(named) > _SHOWN else []
        self._tell("; ".join(named[:_SHOWN] + more))

    async def _drop(self, session_id: str, reason: str, *, cut_off: bool = False) -> None:
        session = self._sessions.pop(session_id, None)
        if session is None:
            return
        self._trouble(session_id, "")
        try:
            await session.joined.wait()
            try:
                await session.peer.close()
            finally:
                await self._listener.speaker_left(session.speaker, reason, cut_off=cut_off)
        except Exception:
            log.exception("whip.farewell_failed", session=session_id)
        finally:
            self._free(session.speaker.id, session_id)
        log.info("whip.ended", room=self._room_id, session=session_id, reason=reason)


async def trickle(session: Publisher, candidates: Candidates, if_match: str | None) -> None:
    """Take trickled candidates.

    Raises:
        Problem: 428 without an If-Match header, 412 for another ICE session, 422 for an ICE
            restart, 400 for a line that is no candidate, 500 where no candidate can be read.
    """
    if if_match is None:
        raise Problem(428, "If-Match missing", "send the ETag of the 201 response in If-Match")
    if if_match == "*" or session.peer.restarts(candidates):
        raise Problem(422, "No ICE restart", "ICE restarts are not supported: DELETE and POST anew")
    if session.etag not in [tag.strip() for tag in if_match.split(",")]:
        raise Problem(412, "Stale ETag", "If-Match is not the ETag of this ICE session")
    try:
        await session.peer.add_candidates(candidates)
    except BadCandidate as error:
        raise Problem(400, "Bad candidate", str(error)) from error
    except CannotAnswer as error:
        error.log(session=session.id)
        raise Problem(500, "Cannot answer", str(error)) from error
