"""One stay in a VideoRoom.

The roster and the lines record what Janus says, as it comes. One loop then brings our side in line
with them: the speakers on record, their lines, and who is muted. So nothing depends on the order of
events, nor on any single event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, NoReturn

import structlog

from service.errors import StoreAway
from service.listening.packet import Packet
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import Muted, RoomLost, RoomOver, RoomRefused
from service.rooms.janus.api import JanusRefusal, JanusSession, janus_session
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.early_packets import EarlyPackets
from service.rooms.janus.identity import SpeakerIds, inaudible_reason, person_of, shown_name
from service.rooms.janus.lines import TrackId
from service.rooms.janus.member_messages import MemberMessages
from service.rooms.janus.moderation import Moderation
from service.rooms.janus.mute_keeper import MuteKeeper
from service.rooms.janus.reception import Reception
from service.rooms.janus.roster import Ended, Roster, Talking, Unmuted
from service.rooms.janus.server import VIDEOROOM, FeedId, JanusRoom
from service.rooms.janus.silence import SilenceWatch
from service.rooms.janus.text_room import TextRoom
from service.rooms.room import Room, Speaker

log = structlog.get_logger()

_NO_SUCH_ROOM = 426
_RETRY_S = 1.0
_GRACE_S = 1.0
"""Time that we stay after a room has ended: Janus 1.1.2 crashes if a handle goes while its room is
being destroyed."""
_MOST_PROBLEMS = 3
"""Problems that a room's state names."""


class JanusStay:
    """Implements `RoomSession`."""

    def __init__(
        self, room: Room, place: JanusRoom, muted: Muted, dependencies: StayDependencies
    ) -> None:
        self._room = room
        self._place = place
        self._dependencies = dependencies
        self._roster = Roster()
        self._ids = SpeakerIds(room.id, place.speaker_id)
        self._speakers: dict[TrackId, Speaker] = {}
        """Speakers on record, by track."""
        self._since: dict[TrackId, datetime] = {}
        """Tracks in the room, on record or not, and when each came."""
        self._early = EarlyPackets(dependencies.metrics)
        self._changed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._moderation: Moderation | None = None
        self._messages: MemberMessages | None = None
        self._reception: Reception | None = None
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reported_heard = False
        self._mutes = MuteKeeper(
            room.id, muted, self._roster, spawn=self._spawn, on_change=self._changed.set
        )
        self._silence = SilenceWatch(room.id, self._speakers, self._changed.set)

    @property
    def peers(self) -> int:
        """Number of peer connections, 0 or 1."""
        return int(self._reception is not None and self._reception.open)

    async def run(self, tell: Callable[[str], None]) -> NoReturn:
        access, server = self._dependencies.access, self._place.server
        async with janus_session(
            server, api_secret=access.api_secret, token=access.token
        ) as session:
            moderation, messages, private_id = await self._join(session)
            self._reception = self._silence.reception = reception = Reception(
                session,
                self._place,
                private_id=private_id,
                on_packet=self._push,
                on_change=self._changed.set,
                addresses=self._dependencies.addresses,
                metrics=self._dependencies.metrics,
            )
            try:
                async with self._tasks:
                    self._spawn(self._until_over(), "janus room")
                    self._spawn(reception.until_lost(), "janus media")
                    self._spawn(messages.give_notice(), "janus notice")
                    await self._follow(reception, moderation, tell)
            finally:
                self._silence.close()
                await reception.close()
        raise AssertionError("a stay ends by an exception")

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        if self._moderation is None or self._messages is None:
            raise CannotAct("the room is not joined yet")
        feeds = self._feeds(person)
        match action:
            case RoomAction.MUTE:
                await self._moderation.mute(feeds, muted=True)
                return "Janus has muted them" if feeds else "not there now; muted on coming back"
            case RoomAction.UNMUTE:
                await self._moderation.mute(feeds, muted=False)
                return "Janus has unmuted them" if feeds else "not there now; unmuted for later"
            case RoomAction.REMOVE:
                feeds |= {
                    feed
                    for feed, publisher in self._roster.idle.items()
                    if self._ids.person(publisher) == person
                }
                await self._moderation.remove(feeds)
                return "Janus has removed them" if feeds else "not there any more"
            case RoomAction.END:
                await self._moderation.destroy()
                return "Janus has destroyed the room"
            case RoomAction.WARN:
                names = (one.name for one in self._speakers.values() if person_of(one.id) == person)
                return await self._messages.warn(next(names, person), words)

    async def apply_confirmed(self, action: RoomAction, person: str) -> None:
        """Renew mutes now: somebody may have come back since Janus confirmed the mute."""
        self._changed.set()

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        """Do nothing: Janus itself says who is in the room, whatever a room server adds."""
        return False

    def _feeds(self, person: str) -> set[FeedId]:
        """Return every publisher who claims this id: nobody can tell who owns it."""
        on_record = {
            track[0] for track, one in self._speakers.items() if person_of(one.id) == person
        }
        publishers = self._roster.publishers.items()
        return on_record | {feed for feed, one in publishers if self._ids.person(one) == person}

    async def _join(self, session: JanusSession) -> tuple[Moderation, MemberMessages, int]:
        """Enter as a listener whom everybody in the room sees.

        Returns:
            Moderation and messages, and the number by which Janus recognises our subscription.
        """
        handle = await session.attach(VIDEOROOM, self._on_event)
        self._moderation = moderation = Moderation(handle, self._place, self._roster)
        text_room = None if self._place.text_room is None else TextRoom(session, self._place)
        self._messages = messages = MemberMessages(
            self._room, text_room, self._dependencies, self._changed.set
        )
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "publisher",
            "room": self._place.room,
            "display": self._dependencies.notice.name(self._room.languages),
        }
        if self._place.pin:
            body["pin"] = self._place.pin
        try:
            answer = await handle.ask(body)
        except JanusRefusal as error:
            raise _refused(error, self._place) from error
        return moderation, messages, int(answer.data.get("private_id", 0))

    def _on_event(self, kind: str, data: Mapping[str, Any], sdp: str | None) -> None:
        if kind in ("detached", "hangup"):
            raise RoomLost(f"Janus ended our stay in the room ({kind})")
        before = set(self._roster.publishers)
        event = self._roster.apply_event(data)
        for feed in before - set(self._roster.publishers):
            self._silence.forget(feed)
            self._mutes.forget(feed)
            if self._reception is not None:
                self._reception.forget(feed)
        match event:
            case Ended(reason):
                if self._moderation is not None:
                    self._moderation.over = True
                if not self._over.done():
                    self._over.set_result(reason)
            case Unmuted(feed):
                self._mutes.honour_unmute(feed, self._speakers)
            case Talking(feed):
                self._silence.schedule_check(feed)
        if self._moderation is not None:
            self._moderation.check_confirmations()
        self._changed.set()

    async def _follow(
        self, reception: Reception, moderation: Moderation, tell: Callable[[str], None]
    ) -> NoReturn:
        while True:
            self._changed.clear()
            present = self._ids.speakers(self._roster)
            await self._remove_absent(present)
            now = self._dependencies.clock()
            self._since = {track: self._since.get(track, now) for track in present}
            await reception.update_lines(present)
            if reception.connected or not present:  # no packet can arrive before
                if await self._record_present(present) and not self._reported_heard:
                    self._reported_heard = True
                    ids = [speaker.id for speaker in self._speakers.values()]
                    self._dependencies.listener.room_heard(self._room.id, ids)
                self._mutes.renew_mutes(self._speakers, moderation)
                tell(self._problems())
            await self._changed.wait()

    async def _until_over(self) -> NoReturn:
        """Raises: RoomOver."""
        reason = await self._over
        await asyncio.sleep(_GRACE_S)
        raise RoomOver(reason)

    async def _remove_absent(self, present: Mapping[TrackId, Speaker]) -> None:
        """Let absent speakers leave; tasks wait for their last words meanwhile."""
        for track in [track for track in self._speakers if track not in present]:
            speaker = self._speakers.pop(track)
            reason = self._roster.gone.get(track[0], "the speaker stopped this sound")
            leaving = self._dependencies.listener.speaker_left(speaker, reason)
            self._spawn(leaving, f"speaker {speaker.id} leaves")
            await asyncio.sleep(0)  # the task starts before another speaker joins

    async def _record_present(self, present: Mapping[TrackId, Speaker]) -> bool:
        """Put every speaker on record; False where the store could not take one yet."""
        for track, speaker in present.items():
            if self._speakers.get(track) == speaker:
                continue
            try:
                if track in self._speakers:
                    await self._dependencies.listener.speaker_changed(speaker)
                else:
                    await self._dependencies.listener.speaker_joined(speaker, self._since[track])
            except StoreAway:
                log.warning("janus.store_away", room=self._room.id)
                asyncio.get_running_loop().call_later(_RETRY_S, self._changed.set)
                return False
            self._speakers[track] = speaker
        self._early.release(self._push, asyncio.get_running_loop().time())
        return True

    def _push(self, track: TrackId, packet: Packet) -> None:
        speaker = self._speakers.get(track)
        if speaker is not None:
            self._dependencies.listener.push(self._room.id, speaker.id, packet)
        elif track in self._since:
            self._early.hold(track, packet)
        else:
            self._dependencies.metrics.packets_of_nobody.inc()

    def _problems(self) -> str:
        """Return the room's problems in one line, for people; empty where there are none."""
        publishers = self._roster.publishers
        problems = [
            *filter(None, map(inaudible_reason, publishers.values())),
            *(
                f"{shown_name(publishers[feed])} talks, and nothing of it arrives"
                for feed in self._silence.silent
            ),
            *self._mutes.problems,
        ]
        if self._messages is not None and self._messages.problem:
            problems.append(self._messages.problem)
        beyond = len(problems) - _MOST_PROBLEMS
        return "; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {beyond} more" if beyond > 0 else "")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.create_task(work, name=name)


def _refused(error: JanusRefusal, place: JanusRoom) -> RoomRefused:
    if error.code == _NO_SUCH_ROOM:
        return RoomRefused(f"Janus server {place.server.name} has no room {place.room!r}")
    if error.unauthorised:
        return RoomRefused("Janus does not let us in: the room's PIN is wrong or missing")
    return RoomRefused(f"Janus does not let us in: {str(error)[:200]} ({error.code})")
