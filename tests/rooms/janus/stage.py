"""Speakers in a real Janus VideoRoom, and our stays in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import httpx
import numpy as np
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from service.clock import utc_now
from service.metrics import Metrics
from service.rooms.connector import CannotHear
from service.rooms.janus.connector import JanusConnector
from service.rooms.janus.dependencies import StayDependencies
from service.rooms.janus.server import JanusAccess, JanusServer
from service.rooms.janus.stay import JanusStay
from service.rooms.muted import MutedSpeakers
from service.rooms.notice import Notice
from service.rooms.room import Room, RoomState
from service.simulation.janus import JanusClient, JanusEndpoint
from service.simulation.publisher import Answer, Publisher, ScriptStart
from service.simulation.script import ScriptedSpeaker
from service.simulation.voice import VoicePacket
from tests.janus import ROOM_SECRET, Janus
from tests.listening.sound import clip_48k, encode, silence
from tests.rooms.calls import until
from tests.rooms.fakes import NOW, Audience, Mutes, Notices, routing


@cache
def voice(
    clip: str = "trudy-insult.opus", *, pause_s: float = 0.0, seconds: float = 120.0
) -> Sequence[VoicePacket]:
    """Return the packets of a clip that repeats, at the pace of its speech."""
    sound = np.concatenate([clip_48k(clip), silence(pause_s)])
    once, length = encode(sound), -(-len(sound) // 960) * 960
    times = int(seconds * 48_000 / length) + 1
    return [
        VoicePacket(packet.pts + length * time, packet.payload)
        for time in range(times)
        for packet in once
    ]


class SpeakerEndpoint(JanusEndpoint):
    """A speaker's endpoint that can be barred.

    Attributes:
        away: Set to bar the endpoint: then `publish` never answers.
        leaves_silently: True to tell Janus nothing on leaving.
        location: URL of the last Janus handle.
    """

    def __init__(self, client: JanusClient, speaker: ScriptedSpeaker) -> None:
        super().__init__(client, speaker)
        self.away = asyncio.Event()
        self.leaves_silently = False
        self.location = ""

    async def publish(self, offer: str) -> Answer:
        if self.away.is_set():
            await asyncio.Event().wait()
        answer = await super().publish(offer)
        self.location = answer.location
        return answer

    async def leave(self, location: str) -> None:
        if not self.leaves_silently:
            await super().leave(location)


@dataclass
class Speakers:
    """Publishers by id, each with a connection of its own."""

    client: JanusClient
    pause_s: float = 0.0
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    endpoints: dict[str, SpeakerEndpoint] = field(default_factory=dict)

    async def join(self, id_: str, *, name: str = "", clip: str = "trudy-insult.opus") -> None:
        """Publish, and return once Janus gets the packets."""
        who = ScriptedSpeaker(id=id_, name=name or id_.title(), role="speaker", lines=())
        script_start = ScriptStart()
        script_start.announce(asyncio.get_running_loop().time())
        if (left := self.endpoints.get(id_)) is not None and left.leaves_silently:
            await self.client.leave(
                left.location
            )  # Janus still holds the id of a speaker who vanished
        endpoint = self.endpoints[id_] = SpeakerEndpoint(self.client, who)
        said = voice(clip, pause_s=self.pause_s)
        publisher = Publisher(said, endpoint, script_start, lambda *_: None, loopback=False)
        self.tasks[id_] = asyncio.create_task(publisher.run(), name=f"speaker {id_}")
        async with asyncio.timeout(15):
            await publisher.connected.wait()

    def stay_away(self, id_: str) -> None:
        """Keep a speaker from coming back after a removal, as simulated speakers do."""
        self.endpoints[id_].away.set()

    async def unpublish(self, id_: str) -> None:
        """Stop the speaker's stream; they stay in the room."""
        self.stay_away(id_)
        self.endpoints[
            id_
        ].leaves_silently = True  # they do not leave either when their connection ends
        message = {"janus": "message", "transaction": "t", "body": {"request": "unpublish"}}
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.post(self.endpoints[id_].location, json=message)

    async def vanish(self, id_: str) -> None:
        """Close the speaker's connection without telling Janus, which notices that it ends."""
        self.endpoints[id_].leaves_silently = True
        await self.leave(id_)

    async def leave(self, id_: str) -> None:
        task = self.tasks.pop(id_)
        task.cancel()
        await asyncio.wait([task])


@contextlib.asynccontextmanager
async def speaking(
    janus: Janus, room: str, *, pin: str = "", pause_s: float = 0.0
) -> AsyncIterator[Speakers]:
    """
    Args:
        pause_s: Silence before each repetition of a speaker's words, in seconds.
    """
    async with JanusClient(janus.http_url, room, pin=pin) as client:
        speakers = Speakers(client, pause_s)
        try:
            yield speakers
        finally:
            for id_ in list(speakers.tasks):
                await speakers.leave(id_)


@contextlib.asynccontextmanager
async def plain_publisher(
    client: JanusClient, id_: str, *, codec: str = "audio/opus", tracks: int = 1
) -> AsyncIterator[None]:
    """Publish silence through aiortc's own encoders."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    known = RTCRtpSender.getCapabilities("audio").codecs
    answer: Answer | None = None
    who = ScriptedSpeaker(id=id_, name=id_.title(), role="speaker", lines=())
    try:
        for _ in range(tracks):
            sending = connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
            sending.setCodecPreferences([one for one in known if one.mimeType == codec])
        await connection.setLocalDescription(await connection.createOffer())
        answer = await client.publish(who, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        await until(lambda: connection.connectionState == "connected")
        yield
    finally:
        await connection.close()
        if answer is not None:
            await client.leave(answer.location)


class Reader:
    """A member of a TextRoom, joined by a data channel.

    Attributes:
        read: Announcements so far.
    """

    def __init__(self, janus: Janus, room: str) -> None:
        self._janus = janus
        self._room = room
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._http = httpx.AsyncClient(timeout=40, trust_env=False)
        self._session = ""
        self.read: list[str] = []

    async def __aenter__(self) -> Self:
        self._session = f"{self._janus.http_url}/{await self._made('', janus='create')}"
        plugin = "janus.plugin.textroom"
        handle = f"{self._session}/{await self._made(self._session, janus='attach', plugin=plugin)}"
        offer = await self._message(handle, {"request": "setup"})
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        joined = asyncio.Event()
        channel = self._connection.createDataChannel("texts")

        def opened() -> None:
            join = {"textroom": "join", "room": self._room, "username": "reader"}
            channel.send(json.dumps({**join, "transaction": "t"}))

        def received(text: str) -> None:
            message = json.loads(text)
            if message.get("textroom") == "announcement":
                self.read.append(message["text"])
            joined.set()

        channel.on("open", opened)
        # Janus answers on a channel that it opens itself.
        self._connection.on("datachannel", lambda theirs: theirs.on("message", received))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        answer = self._connection.localDescription.sdp
        await self._message(handle, {"request": "ack"}, {"type": "answer", "sdp": answer})
        async with asyncio.timeout(10):
            await joined.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post(self._session, janus="destroy")
        await self._http.aclose()
        await self._connection.close()

    async def _made(self, url: str, **body: str) -> int:
        return int((await self._post(url or self._janus.http_url, **body))["data"]["id"])

    async def _message(
        self, handle: str, body: dict[str, str], jsep: dict[str, str] | None = None
    ) -> str:
        await self._post(handle, janus="message", body=body, **({"jsep": jsep} if jsep else {}))
        event: dict[str, Any] = {}
        while event.get("janus") != "event":
            event = (await self._http.get(self._session)).json()
        return str(event.get("jsep", {}).get("sdp", ""))

    async def _post(self, url: str, **body: object) -> dict[str, Any]:
        answer = await self._http.post(url, json={"transaction": "t", **body})
        parsed: dict[str, Any] = answer.json()
        return parsed


@dataclass
class Listening:
    """Our stay in a room, and what came of it.

    Attributes:
        reports: Problems of the room, as the stay reported them; an empty one says there are none.
        over: Error that ended the stay.
    """

    audience: Audience
    stay: JanusStay
    muted: MutedSpeakers
    notices: Notices
    metrics: Metrics
    reports: list[str] = field(default_factory=list)
    over: list[BaseException] = field(default_factory=list)

    async def hears(self, *ids: str, seconds: float = 10.0) -> None:
        """Wait until exactly these speakers are present and new packets come from each."""
        before = self.audience.heard.copy()
        await until(lambda: set(self.audience.here) == set(ids), seconds)
        await until(lambda: all(self.audience.heard[id_] > before[id_] for id_ in ids), seconds)


@contextlib.asynccontextmanager
async def listening(
    janus: Janus,
    room: str,
    *,
    secret: str = ROOM_SECRET,
    api_secret: str = "",
    rules_url: str = "https://rooms.example/rules",
    muted: Sequence[str] = (),
    url: str = "",
    action_webhook: bool = False,
    audience: Audience | None = None,
    connector: Mapping[str, str] = {},
    ping_s: float = 5.0,
) -> AsyncIterator[Listening]:
    """Hold a stay in the room.

    Args:
        action_webhook: True where a webhook carries `action.requested` of the room.
    """
    audience, notices, metrics = audience or Audience(), Notices(), Metrics()
    dependencies = StayDependencies(
        listener=audience,
        access=JanusAccess(api_secret=api_secret, room_secret=secret),
        notice=Notice(rules_url),
        notices=notices,
        action_route=routing(lambda: action_webhook),
        addresses=None,
        metrics=metrics,
        clock=utc_now,
    )
    server = JanusServer("janus", url or janus.ws_url, ping_s)
    janus_connector = JanusConnector({"janus": server}, dependencies)
    hidden = ("pin", "text_room_secret")
    secrets = {name: connector[name] for name in hidden if name in connector}
    shown = {name: value for name, value in connector.items() if name not in hidden}
    described = {"kind": "janus", "room": room, **shown}
    text = dependencies.notice.text(["en"])
    joining = Room("lobby", "Lobby", described, ["en"], [], RoomState.JOINING, NOW, notice=text)
    muted_speakers = MutedSpeakers("lobby", muted, Mutes(set(muted)))
    stay = janus_connector.enter(joining, secrets, muted_speakers)
    assert isinstance(stay, JanusStay)
    ours = Listening(audience, stay, muted_speakers, notices, metrics)

    async def run() -> None:
        try:
            await stay.run(ours.reports.append)
        except* CannotHear as group:
            ours.over.append(_first(group))

    task = asyncio.create_task(run(), name="stay")
    try:
        yield ours
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert janus_connector.peers() == 0
        if not task.cancelled():
            task.result()


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group
