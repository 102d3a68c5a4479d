"""Simulation of a room: play a script into a server by its public interfaces, and keep score."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from service.simulation.client import FeedEvent, ServerClient
from service.simulation.encoding import EncodedSpeaker, Moment, encode_speaker
from service.simulation.failed import SimulationFailed
from service.simulation.janus import JanusClient
from service.simulation.publisher import PATIENCE_S, Publisher, ScriptStart
from service.simulation.results import ReceivedAlert, ReceivedTranscript, Report
from service.simulation.room_host import EarshotHost, JanusHost, RoomHost
from service.simulation.script import Script, ScriptedSpeaker
from service.simulation.tally import Tally
from service.simulation.voice import SAMPLE_RATE

_SETTLED_S = 0.5
_COUNTDOWN_S = 0.5
"""Time between the last connection and the start of the script."""
_CLOSE_S = 1.0


def _ignore(_: object) -> None:
    pass


async def simulate_room(
    url: str,
    key: str,
    room_id: str,
    script: Script,
    on_alert: Callable[[ReceivedAlert], None] = _ignore,
    *,
    on_transcript: Callable[[ReceivedTranscript], None] = _ignore,
    on_progress: Callable[[str], None] = _ignore,
    policies: Sequence[str] = (),
    settle_s: float = 5.0,
    keep_room: bool = False,
    patience_s: float = PATIENCE_S,
    janus: JanusClient | None = None,
) -> Report:
    """Open the room, let every speaker of the script publish into it, and follow the feed.

    When cancelled it disconnects the speakers and closes the room, within 3 s.

    Args:
        key: API key that may open rooms and read the feed.
        on_alert: Called with each alert as it is read.
        on_transcript: Called with each final transcript as it is read.
        on_progress: Called with a few words for a person at each step of the set-up.
        policies: Packs to apply; empty: all.
        settle_s: Longest wait for events after the last line, in seconds.
        keep_room: True to leave the room open at the end.
        patience_s: Longest time without an answer of the server, in seconds.
        janus: Host of the room; None: the server itself, by WHIP.

    Raises:
        SimulationFailed: Also where somebody else closes the room.
    """
    length_s = max(line.at_s for _, line in script.lines) + 30
    on_progress(f"encoding what {len(script.speakers)} speakers say")
    encoded = [
        await asyncio.to_thread(encode_speaker, speaker, until_s=length_s + settle_s)
        for speaker in script.speakers
    ]
    async with ServerClient(url, key) as client:
        host = EarshotHost(client, room_id) if janus is None else JanusHost(janus)
        simulation = _Simulation(
            client, host, room_id, script, encoded, on_alert, on_transcript, patience_s
        )
        try:
            async with asyncio.TaskGroup() as group:
                await simulation.open(group, policies, on_progress)
                report = await simulation.play(settle_s)
                simulation.stop()
            return report
        except* SimulationFailed as failures:
            failure = _first(failures)
        finally:
            if simulation.room_open and not keep_room:
                with contextlib.suppress(SimulationFailed, TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await client.delete_room(room_id)
    raise failure


class _Simulation:
    """One simulation: connections, lines sent so far, events received so far."""

    def __init__(
        self,
        client: ServerClient,
        host: RoomHost,
        room_id: str,
        script: Script,
        encoded: Sequence[EncodedSpeaker],
        on_alert: Callable[[ReceivedAlert], None],
        on_transcript: Callable[[ReceivedTranscript], None],
        patience_s: float,
    ) -> None:
        self.room_open = False
        self._client = client
        self._host = host
        self._room_id = room_id
        self._script = script
        self._encoded = encoded
        self._on_alert = on_alert
        self._on_transcript = on_transcript
        self._patience_s = patience_s
        self._script_start = ScriptStart()
        self._tally: Tally | None = None
        self._complete = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(
        self,
        group: asyncio.TaskGroup,
        policies: Sequence[str],
        on_progress: Callable[[str], None],
    ) -> None:
        """Open the feed and the room, and connect every speaker."""
        on_progress(f"connecting to {self._client.url}")
        await self._client.check_reachable()
        feed_open = asyncio.Event()
        feed = self._client.follow(self._handle_event, feed_open.set, patience_s=self._patience_s)
        self._tasks.append(group.create_task(feed, name="simulation feed"))
        await feed_open.wait()
        self._tasks.append(group.create_task(self._host.keep_alive(), name="simulation host"))
        await self._client.create_room(
            self._room_id, self._script.title, policies, self._host.connector()
        )
        self.room_open = True
        on_progress(f"connecting {len(self._encoded)} speakers by WebRTC")
        publishers = [
            self._publisher(speaker, encoded)
            for speaker, encoded in zip(self._script.speakers, self._encoded, strict=True)
        ]
        self._tasks += [
            group.create_task(publisher.run(), name="simulation speaker")
            for publisher in publishers
        ]
        for publisher in publishers:
            await publisher.connected.wait()

    async def play(self, settle_s: float) -> Report:
        """Start the script, and wait until the last line is sent and its events have come."""
        start_s = time.monotonic() + _COUNTDOWN_S
        lines = [line for encoded in self._encoded for line in encoded.lines]
        started = Moment(start_s, datetime.now(UTC) + timedelta(seconds=_COUNTDOWN_S))
        tally = self._tally = Tally(lines, started=started)
        self._script_start.announce(start_s)
        last_sent_s = start_s + max(line.last for line in lines) / SAMPLE_RATE
        await asyncio.sleep(last_sent_s - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settle_s):
                await self._complete.wait()
        await asyncio.sleep(_SETTLED_S)
        return tally.make_report()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _publisher(self, speaker: ScriptedSpeaker, encoded: EncodedSpeaker) -> Publisher:
        return Publisher(
            encoded.packets,
            self._host.endpoint(speaker),
            self._script_start,
            encoded.mark_sent,
            loopback=self._host.loopback,
            patience_s=self._patience_s,
        )

    def _fail_closed(self) -> None:
        self.room_open = False
        raise SimulationFailed(
            f"room {self._room_id!r} was closed while its speakers were talking; let nobody else "
            "end it, or choose another with --room"
        )

    def _handle_event(self, event: FeedEvent) -> None:
        if event.type == "room.left" and event.data.get("id") == self._room_id:
            self._fail_closed()
        tally = self._tally
        if tally is None or event.data.get("room_id") != self._room_id:
            return
        match event.type:
            case "transcript.heard":
                transcript = tally.add_transcript(event.data, read_s=event.read_s)
                if transcript is not None:
                    self._on_transcript(transcript)
            case "alert.raised":
                alert = tally.add_alert(event.data, read_s=event.read_s)
                if alert is not None:
                    self._on_alert(alert)
            case "alert.updated":
                alert = tally.update_alert(event.data, read_s=event.read_s)
                if alert is not None:
                    self._on_alert(alert)
            case "alert.retracted":
                tally.retract_alert(event.data)
        if tally.complete:
            self._complete.set()


def _first(failures: ExceptionGroup[SimulationFailed]) -> SimulationFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
