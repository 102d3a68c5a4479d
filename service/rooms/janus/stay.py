"""One stay in a VideoRoom.

What Janus says is kept as it comes, in the roster and the lines; one loop then brings what we do
in line with it: who is heard, on which line, and who is muted. So nothing depends on the order in
which events come, nor on any single one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import structlog

from service.clock import Clock
from service.errors import StoreAway
from service.listening.packet import Packet
from service.metrics import Metrics
from service.rooms.actions import CannotAct, RoomAction
from service.rooms.connector import Muted, RoomListener, RoomLost, RoomOver, RoomRefused
from service.rooms.control import ActionRoute
from service.rooms.janus.api import JanusRefusal, JanusSession, janus_session
from service.rooms.janus.identity import Cast, inaudible, person_of, shown_name
from service.rooms.janus.lines import Voice
from service.rooms.janus.moderation import Moderation
from service.rooms.janus.reception import Reception
from service.rooms.janus.roster import Ended, Roster, Talking, Unmuted
from service.rooms.janus.server import VIDEOROOM, FeedId, JanusAccess, JanusRoom
from service.rooms.janus.text_room import TextRoom
from service.rooms.notice import Notice
from service.rooms.ports import NoticeStore
from service.rooms.room import Room, Speaker

log = structlog.get_logger()

_NO_SUCH_ROOM = 426
_RETRY_S = 1.0
_SILENT_S = 3.0
"""Whom Janus calls talking is heard by then, or their line is asked for anew."""
_MUTE_AGAIN_S = 30.0
"""Janus would not mute somebody: it is asked again."""
_EARLY_S = 1.0
_MOST_EARLY = 5_000
"""Packets of speakers who are being put on record: of a hundred in a second."""
_GRACE_S = 1.0
"""Janus 1.1.2 crashes if a handle goes while its room is being destroyed: we stay that long."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every stay needs.

    Attributes:
        told: Whether a webhook tells the room server of what is asked for in a room.
        announced: Ids of rooms whose members were given the notice in this run.
    """

    listener: RoomListener
    access: JanusAccess
    notice: Notice
    notices: NoticeStore
    told: ActionRoute
    addresses: Sequence[str] | None
    metrics: Metrics
    clock: Clock
    announced: set[str] = field(default_factory=set)


class JanusStay:
    """Implements `RoomSession`."""

    def __init__(self, room: Room, place: JanusRoom, muted: Muted, around: Surroundings) -> None:
        self._room = room
        self._place = place
        self._muted = muted
        self._around = around
        self._roster = Roster()
        self._cast = Cast(room.id, place.speaker_id)
        self._heard: dict[Voice, Speaker] = {}
        self._since: dict[Voice, datetime] = {}
        self._early: deque[tuple[Voice, Packet]] = deque(maxlen=_MOST_EARLY)
        """From speakers who are not on record yet."""
        self._changed = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._moderation: Moderation | None = None
        self._text_room: TextRoom | None = None
        self._reception: Reception | None = None
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._told_heard = False
        self._muting: dict[FeedId, str] = {}
        """Whom we mute again, and why that failed where it did."""
        self._silent: set[FeedId] = set()
        self._checks: dict[FeedId, asyncio.TimerHandle] = {}
        self._unnoticed = ""

    @property
    def peers(self) -> int:
        return int(self._reception is not None and self._reception.open)

    async def run(self, tell: Callable[[str], None]) -> NoReturn:
        access, server = self._around.access, self._place.server
        async with janus_session(
            server, api_secret=access.api_secret, token=access.token
        ) as session:
            self._reception = reception = Reception(
                session,
                self._place,
                private_id=await self._join(session),
                on_packet=self._push,
                on_change=self._changed.set,
                addresses=self._around.addresses,
                metrics=self._around.metrics,
            )
            try:
                async with self._tasks:
                    self._spawn(self._until_over(), "janus room")
                    self._spawn(reception.until_lost(), "janus media")
                    self._spawn(self._give_notice(), "janus notice")
                    await self._follow(reception, tell)
            finally:
                for check in self._checks.values():
                    check.cancel()
                await reception.close()
        raise AssertionError("a stay ends by an exception")

    async def act(self, action: RoomAction, person: str, words: str) -> str:
        if self._moderation is None:
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
                    for feed, one in self._roster.idle.items()
                    if self._cast.person(one) == person
                }
                await self._moderation.remove(feeds)
                return "Janus has removed them" if feeds else "not there any more"
            case RoomAction.END:
                await self._moderation.destroy()
                return "Janus has destroyed the room"
            case RoomAction.WARN:
                return await self._warn(person, words)

    async def dismiss(self, speaker_id: str, reason: str) -> bool:
        """Janus itself says who is there; what a room server says besides changes nothing."""
        return False

    def _feeds(self, person: str) -> set[FeedId]:
        """Everybody who publishes as this person: whose word that is, nobody can tell."""
        heard = {voice[0] for voice, one in self._heard.items() if person_of(one.id) == person}
        there = self._roster.publishers.items()
        return heard | {feed for feed, one in there if self._cast.person(one) == person}

    async def _join(self, session: JanusSession) -> int:
        """Enter as a listener whom everybody sees; the number by which Janus knows what is ours."""
        handle = await session.attach(VIDEOROOM, self._on_event)
        self._moderation = Moderation(handle, self._place, self._roster)
        if self._place.text_room is not None:
            self._text_room = TextRoom(session, self._place)
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "publisher",
            "room": self._place.room,
            "display": self._around.notice.name(self._room.languages),
        }
        if self._place.pin:
            body["pin"] = self._place.pin
        try:
            answer = await handle.ask(body)
        except JanusRefusal as error:
            raise _refused(error, self._place) from error
        return int(answer.data.get("private_id", 0))

    def _on_event(self, kind: str, data: Mapping[str, Any], sdp: str | None) -> None:
        if kind in ("detached", "hangup"):
            raise RoomLost(f"Janus ended our stay in the room ({kind})")
        before = set(self._roster.publishers)
        told = self._roster.take(data)
        for feed in before - set(self._roster.publishers):
            self._silent.discard(feed)
            self._muting.pop(feed, None)
            if (check := self._checks.pop(feed, None)) is not None:
                check.cancel()
            if self._reception is not None:
                self._reception.forget(feed)
        match told:
            case Ended(reason):
                if self._moderation is not None:
                    self._moderation.over = True
                if not self._over.done():
                    self._over.set_result(reason)
            case Unmuted(feed):
                self._lifted(feed)
            case Talking(feed):
                self._check_soon(feed)
        if self._moderation is not None:
            self._moderation.look()
        self._changed.set()

    async def _follow(self, reception: Reception, tell: Callable[[str], None]) -> NoReturn:
        while True:
            self._changed.clear()
            speakers = self._cast.speakers(self._roster)
            await self._let_go(speakers)
            now = self._around.clock()
            self._since = {voice: self._since.get(voice, now) for voice in speakers}
            await reception.settle(speakers)
            if reception.connected or not speakers:  # nobody is heard before
                if await self._welcome(speakers) and not self._told_heard:
                    self._told_heard = True
                    present = [one.id for one in self._heard.values()]
                    self._around.listener.room_heard(self._room.id, present)
                self._keep_muted()
                tell(self._missing())
            await self._changed.wait()

    async def _until_over(self) -> NoReturn:
        """Raises: RoomOver."""
        reason = await self._over
        await asyncio.sleep(_GRACE_S)
        raise RoomOver(reason)

    async def _let_go(self, speakers: Mapping[Voice, Speaker]) -> None:
        """Whoever is not there any more has left; their last words are waited for meanwhile."""
        for voice in [voice for voice in self._heard if voice not in speakers]:
            speaker = self._heard.pop(voice)
            reason = self._roster.gone.get(voice[0], "the speaker stopped this sound")
            leaving = self._around.listener.speaker_left(speaker, reason)
            self._spawn(leaving, f"speaker {speaker.id} leaves")
            await asyncio.sleep(0)  # they have begun to leave before anybody comes

    async def _welcome(self, speakers: Mapping[Voice, Speaker]) -> bool:
        """Everybody is heard; False where the store could not take somebody yet."""
        for voice, speaker in speakers.items():
            if self._heard.get(voice) == speaker:
                continue
            try:
                if voice in self._heard:
                    await self._around.listener.speaker_changed(speaker)
                else:
                    await self._around.listener.speaker_joined(speaker, self._since[voice])
            except StoreAway:
                log.warning("janus.store_away", room=self._room.id)
                asyncio.get_running_loop().call_later(_RETRY_S, self._changed.set)
                return False
            self._heard[voice] = speaker
        self._push_early()
        return True

    def _keep_muted(self) -> None:
        """Whom moderators muted through us stays muted, however often they come back."""
        for voice, speaker in self._heard.items():
            wanted = person_of(speaker.id) in self._muted
            if not wanted and voice[0] in self._muting:
                self._muting[voice[0]] = ""
            if wanted and not speaker.muted and voice[0] not in self._muting:
                self._muting[voice[0]] = ""
                self._spawn(self._mute_again(voice[0], speaker), f"mute {speaker.id} again")

    async def _mute_again(self, feed: FeedId, speaker: Speaker) -> None:
        """Until Janus has done it, they have left, or a moderator takes it back."""
        assert self._moderation is not None
        while feed in self._roster.publishers and person_of(speaker.id) in self._muted:
            try:
                await self._moderation.mute([feed], muted=True)
                break
            except CannotAct as error:
                log.warning("janus.mute_refused", room=self._room.id)
                self._muting[feed] = f"{speaker.name} is to be muted: {error}"
                self._changed.set()
                await asyncio.sleep(_MUTE_AGAIN_S)
        self._muting.pop(feed, None)
        self._changed.set()

    def _lifted(self, feed: FeedId) -> None:
        """Somebody unmuted them at Janus; where it was us, they are among the muted no more."""
        for voice, speaker in self._heard.items():
            if voice[0] == feed and (person := person_of(speaker.id)) in self._muted:
                self._spawn(self._muted.lifted(person), f"unmuted {person}")

    def _check_soon(self, feed: FeedId) -> None:
        if feed not in self._checks:
            loop = asyncio.get_running_loop()
            self._checks[feed] = loop.call_later(_SILENT_S, self._check_heard, feed)

    def _check_heard(self, feed: FeedId) -> None:
        """Janus called them talking a while ago: a hint that they should be heard by now."""
        assert self._reception is not None
        self._checks.pop(feed, None)
        voices = [voice for voice, one in self._heard.items() if voice[0] == feed and not one.muted]
        heard_s = max((self._reception.last_packet_s(voice) for voice in voices), default=math.inf)
        if asyncio.get_running_loop().time() - heard_s < _SILENT_S:
            self._silent.discard(feed)
        else:
            if feed not in self._silent:
                log.warning("janus.silent_line", room=self._room.id)
                self._silent.add(feed)
                self._reception.forget(feed)
            self._check_soon(feed)
        self._changed.set()

    async def _warn(self, person: str, words: str) -> str:
        names = (one.name for one in self._heard.values() if person_of(one.id) == person)
        name = next(names, person)
        if self._text_room is not None:
            try:
                await self._text_room.announce(f"{name}: {words}")
            except JanusRefusal as error:
                raise CannotAct(f"Janus's text room refuses: {str(error)[:200]}") from error
            except (RoomLost, RoomRefused) as error:
                raise CannotAct(str(error)) from error
            return "the room's text room shows it"
        if self._around.told(self._room.id):
            return "the room server was told"
        raise CannotAct(
            "nobody would warn them: the room has no `connector.text_room`, and no webhook takes "
            "action.requested"
        )

    async def _give_notice(self) -> None:
        """Once for each room, whatever happens to the connection or to us."""
        text = self._room.notice
        if self._text_room is None or not text:
            return
        while True:
            try:
                if await self._around.notices.noticed(self._room.id):
                    return
                if self._room.id not in self._around.announced:
                    await self._text_room.announce(text)
                    self._around.announced.add(self._room.id)
                await self._around.notices.set_noticed(self._room.id, self._around.clock())
                self._around.announced.discard(self._room.id)
                return
            except JanusRefusal as error:
                self._unnoticed = f"members could not be told of us: {str(error)[:200]}"
                self._changed.set()
                return
            except StoreAway:
                await asyncio.sleep(_RETRY_S)

    def _push(self, voice: Voice, packet: Packet) -> None:
        speaker = self._heard.get(voice)
        if speaker is not None:
            self._around.listener.push(self._room.id, speaker.id, packet)
        elif voice in self._since:
            self._early.append((voice, packet))
        else:
            self._around.metrics.packets_of_nobody.inc()

    def _push_early(self) -> None:
        """What came before that is in the speaker's gap."""
        early, now_s = list(self._early), asyncio.get_running_loop().time()
        self._early.clear()
        for voice, packet in early:
            if now_s - packet.arrived_s < _EARLY_S:
                self._push(voice, packet)
            else:
                self._around.metrics.packets_of_nobody.inc()

    def _missing(self) -> str:
        """What is not as it should be, for people."""
        silent = (
            f"{shown_name(self._roster.publishers[feed])} talks, and nothing of it arrives"
            for feed in self._silent
        )
        found = [
            *filter(None, map(inaudible, self._roster.publishers.values())),
            *silent,
            *filter(None, self._muting.values()),
            *filter(None, [self._unnoticed]),
        ]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return "; ".join(found[:_SHOWN]) + more

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.create_task(work, name=name)


def _refused(error: JanusRefusal, place: JanusRoom) -> RoomRefused:
    if error.code == _NO_SUCH_ROOM:
        return RoomRefused(f"Janus server {place.server.name} has no room {place.room!r}")
    if error.unauthorised:
        return RoomRefused("Janus does not let us in: the room's PIN is wrong or missing")
    return RoomRefused(f"Janus does not let us in: {str(error)[:200]} ({error.code})")
