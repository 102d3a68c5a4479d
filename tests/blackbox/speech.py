"""Simulated speakers with known words, and a comparison of what they said with what is on record.

A stretch of speech must be on record once: as a transcript, or as a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from service.simulation.client import ServerClient
from service.simulation.encoding import PAUSE_S, EncodedSpeaker, encode_speaker
from service.simulation.publisher import Publisher, ScriptStart, VoiceTrack, gathering
from service.simulation.room_host import EarshotHost
from service.simulation.script import DEMO_SCRIPT, Line, ScriptedSpeaker, load_script
from service.simulation.voice import SAMPLE_RATE, read_clip
from tests.e2e.following import Event, Followed
from tests.server import Server

ROOM = "lobby"
_CONNECT_S = 30.0

Span = tuple[float, float]
"""Seconds from the script's start: from and to."""


@dataclass
class Voice:
    """A speaker who talks without a rest except the pauses between lines.

    Attributes:
        gives_up: Whether their client connects anew when the server says nothing for seconds.
    """

    speaker: ScriptedSpeaker
    encoded: EncodedSpeaker
    gives_up: bool = False

    @property
    def spans(self) -> Sequence[Span]:
        """The audible part of each line, as the script has it."""
        return [(one.first / SAMPLE_RATE, one.last / SAMPLE_RATE) for one in self.encoded.lines]


def make_voices(*, until_s: float, giving_up: Sequence[str] = ()) -> list[Voice]:
    """Make the demo's four speakers say their lines again and again, each a bit later than others.

    Args:
        until_s: Seconds in which their last lines begin.
        giving_up: Ids of speakers whose clients connect anew.
    """
    voices = []
    for number, speaker in enumerate(load_script(DEMO_SCRIPT).speakers):
        lines: list[Line] = []
        at_s = 0.5 + 0.4 * number
        while at_s < until_s:
            line = speaker.lines[(len(lines) + number) % len(speaker.lines)]
            lines.append(Line(round(at_s, 2), line.clip, line.text, line.alerts, line.rule))
            at_s += len(read_clip(line.clip)) / SAMPLE_RATE + PAUSE_S + 0.1
        scripted = ScriptedSpeaker(speaker.id, speaker.name, tuple(lines), speaker.role)
        encoded = encode_speaker(scripted, until_s=until_s + 60)
        voices.append(Voice(scripted, encoded, speaker.id in giving_up))
    return voices


@dataclass
class Room:
    """A room in which the voices talk.

    Attributes:
        started: Wall time of the script's start.
    """

    started: datetime
    start_s: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def until(self, at_s: float) -> None:
        """Wait until a time of the script."""
        await asyncio.sleep(max(0.0, self.start_s + at_s - time.monotonic()))

    def seconds(self, at: str) -> float:
        """Return the script's time of a time in an event."""
        return (datetime.fromisoformat(at) - self.started).total_seconds()

    def said(self, voice: Voice) -> Sequence[tuple[Span, Line]]:
        """Return the audible part of each line: as it was sent, or as it would have been."""
        lines = []
        for (first_s, last_s), sent in zip(voice.spans, voice.encoded.lines, strict=True):
            if sent.started is not None:  # a busy machine may have been late
                first_s = sent.started.monotonic_s - self.start_s
            if sent.ended is not None:
                last_s = sent.ended.monotonic_s - self.start_s
            lines.append(((first_s, max(first_s, last_s)), sent.line))
        return lines


@contextlib.asynccontextmanager
async def talking(server: Server, voices: Sequence[Voice]) -> AsyncIterator[Room]:
    """Open a room, connect the voices, and let them talk."""
    script_start = ScriptStart()
    async with ServerClient(server.url, server.key) as client:
        host = EarshotHost(client, ROOM)
        await client.create_room(ROOM, "Music night", (), host.connector())
        tasks = []
        try:
            for voice in voices:
                connected = asyncio.Event()
                speak = _speak if voice.gives_up else _speak_patiently
                tasks.append(
                    asyncio.create_task(speak(host, voice, script_start, connected), name="voice")
                )
                async with asyncio.timeout(_CONNECT_S):
                    await connected.wait()
            now_s = time.monotonic()
            script_start.announce(now_s + 0.3)
            yield Room(datetime.now(UTC) + timedelta(seconds=0.3), now_s + 0.3, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _speak(
    host: EarshotHost, voice: Voice, script_start: ScriptStart, connected: asyncio.Event
) -> None:
    publisher = Publisher(
        voice.encoded.packets,
        host.endpoint(voice.speaker),
        script_start,
        voice.encoded.mark_sent,
        loopback=True,
        patience_s=120.0,
    )
    publisher.connected = connected
    await publisher.run()


async def _speak_patiently(
    host: EarshotHost, voice: Voice, script_start: ScriptStart, connected: asyncio.Event
) -> None:
    """Publish on one connection, as a browser does until ICE has failed for long."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        track = VoiceTrack(voice.encoded.packets, script_start, voice.encoded.mark_sent)
        connection.addTransceiver(track, direction="sendonly")
        with gathering(loopback=True):
            await connection.setLocalDescription(await connection.createOffer())
        answer = await host.endpoint(voice.speaker).publish(connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        while connection.connectionState != "connected":  # noqa: ASYNC110 - it waits for aiortc
            await asyncio.sleep(0.02)
        connected.set()
        await asyncio.Event().wait()
    finally:
        await connection.close()


@dataclass(frozen=True)
class Record:
    """Transcripts, gaps and alerts of one speaker, in seconds of the script."""

    heard: Sequence[tuple[Span, str]]
    gaps: Sequence[tuple[Span, str]]
    alerts: Sequence[tuple[Span, str]]


def record_of(followed: Followed, room: Room, speaker_id: str) -> Record:
    """Collect the transcripts, gaps and alerts of a speaker from the feed."""

    def spans(events: Sequence[Event], first: str, last: str) -> Iterator[tuple[Span, Event]]:
        for event in events:
            yield (room.seconds(event[first]), room.seconds(event[last])), event

    def of(kind: str) -> list[Event]:
        return followed.of(kind, room_id=ROOM, speaker_id=speaker_id)

    final = [event for event in of("transcript.heard") if not event["provisional"]]
    return Record(
        [(span, each["text"]) for span, each in spans(final, "started_at", "ended_at")],
        [(span, each["reason"]) for span, each in spans(of("audio.gap"), "from_at", "to_at")],
        [
            (span, each["matches"][0]["rule_id"])
            for span, each in spans(of("alert.raised"), "speech_started_at", "speech_ended_at")
        ],
    )


def uncovered_s(span: Span, covers: Sequence[Span]) -> float:
    """Return the seconds of a span that no cover covers."""
    at, left_s = span[0], 0.0
    for first, last in sorted(covers):
        if last <= at:
            continue
        left_s += max(0.0, min(first, span[1]) - at)
        at = max(at, last)
        if at >= span[1]:
            return left_s
    return left_s + max(0.0, span[1] - at)
