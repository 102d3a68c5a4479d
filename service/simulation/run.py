"""Plays a script into a room of a server, over its outside interfaces alone, and keeps score."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from service.simulation.client import FeedEvent, ServerClient
from service.simulation.failed import SimulationFailed
from service.simulation.janus import JanusClient
from service.simulation.publisher import PATIENCE_S, Curtain, Publisher
from service.simulation.rehearsal import Moment, Part, rehearse
from service.simulation.script import Script, ScriptedSpeaker
from service.simulation.tally import AlertSeen, Report, TalkHeard, Tally
from service.simulation.venue import OnEarshot, OnJanus, Venue
from service.simulation.voice import SAMPLE_RATE

_SETTLED_S = 0.5
_ENTRANCE_S = 0.5
_CLOSE_S = 1.0


def _ignore(_: object) -> None:
    pass


async def run(
    url: str,
    key: str,
    room_id: str,
    script: Script,
    on_alert: Callable[[AlertSeen], None] = _ignore,
    *,
    on_talk: Callable[[TalkHeard], None] = _ignore,
    on_progress: Callable[[str], None] = _ignore,
    policies: Sequence[str] = (),
    settle_s: float = 5.0,
    keep_room: bool = False,
    patience_s: float = PATIENCE_S,
    janus: JanusClient | None = None,
) -> Report:
    """Open the room, let every speaker of the script publish into it, and follow the feed.

    Cancelled, it takes the speakers out of the room and closes it, within 3 s.

    Args:
        key: One that may open rooms and read the feed.
        on_alert: Called with each alert as it is read.
        on_talk: Called with what was said as its transcript is read.
        on_progress: Called with a few words for a person as the set-up goes on.
        policies: Packs to apply, empty: all.
        settle_s: How long after the last line late events are waited for at most.
        keep_room: Leave the room open at the end.
        patience_s: Longest time without an answer of the server before this fails.
        janus: Where the room takes place; None: on the server itself, by WHIP.

    Raises:
        SimulationFailed: also where somebody else closes the room.
    """
    length_s = max(line.at_s for _, line in script.lines) + 30
    on_progress(f"encoding what {len(script.speakers)} speakers say")
    parts = [
        await asyncio.to_thread(rehearse, speaker, until_s=length_s + settle_s)
        for speaker in script.speakers
    ]
    async with ServerClient(url, key) as client:
        venue = OnEarshot(client, room_id) if janus is None else OnJanus(janus)
        show = _Show(client, venue, room_id, script, parts, on_alert, on_talk, patience_s)
        try:
            async with asyncio.TaskGroup() as group:
                await show.open(group, policies, on_progress)
                report = await show.play(settle_s)
                show.stop()
            return report
        except* SimulationFailed as failures:
            failure = _first(failures)
        finally:
            if show.room_open and not keep_room:
                with contextlib.suppress(SimulationFailed, TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await client.delete_room(room_id)
    raise failure


class _Show:
    """One performance: who is connected, what has been said, what has come back."""

    def __init__(
        self,
        client: ServerClient,
        venue: Venue,
        room_id: str,
        script: Script,
        parts: Sequence[Part],
        on_alert: Callable[[AlertSeen], None],
        on_talk: Callable[[TalkHeard], None],
        patience_s: float,
    ) -> None:
        self.room_open = False
        self._client = client
        self._venue = venue
        self._room_id = room_id
        self._script = script
        self._parts = parts
        self._on_alert = on_alert
        self._on_talk = on_talk
        self._patience_s = patience_s
        self._curtain = Curtain()
        self._tally: Tally | None = None
        self._complete = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(
        self,
        group: asyncio.TaskGroup,
        policies: Sequence[str],
        on_progress: Callable[[str], None],
    ) -> None:
        """Returns once the feed is read and every speaker is connected."""
        on_progress(f"connecting to {self._client.url}")
        await self._client.greet()
        feed_open = asyncio.Event()
        feed = self._client.follow(self._take, feed_open.set, patience_s=self._patience_s)
        self._tasks.append(group.create_task(feed, name="simulation feed"))
        await feed_open.wait()
        self._tasks.append(group.create_task(self._venue.keep(), name="simulation venue"))
        await self._client.create_room(
            self._room_id, self._script.title, policies, self._venue.connector()
        )
        self.room_open = True
        on_progress(f"connecting {len(self._parts)} speakers by WebRTC")
        publishers = [
            self._publisher(speaker, part)
            for speaker, part in zip(self._script.speakers, self._parts, strict=True)
        ]
        self._tasks += [
            group.create_task(publisher.run(), name="simulation speaker")
            for publisher in publishers
        ]
        for publisher in publishers:
            await publisher.connected.wait()

    async def play(self, settle_s: float) -> Report:
        """Raise the curtain, and wait until the last line is said and answered."""
        start_s = time.monotonic() + _ENTRANCE_S
        lines = [line for part in self._parts for line in part.lines]
        started = Moment(start_s, datetime.now(UTC) + timedelta(seconds=_ENTRANCE_S))
        tally = self._tally = Tally(lines, started=started)
        self._curtain.rise(start_s)
        last_word_s = start_s + max(line.last for line in lines) / SAMPLE_RATE
        await asyncio.sleep(last_word_s - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settle_s):
                await self._complete.wait()
        await asyncio.sleep(_SETTLED_S)
        return tally.report()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _publisher(self, speaker: ScriptedSpeaker, part: Part) -> Publisher:
        return Publisher(
            part.packets,
            self._venue.seat(speaker),
            self._curtain,
            part.sent,
            loopback=self._venue.loopback,
            patience_s=self._patience_s,
        )

    def _closed(self) -> None:
        self.room_open = False
        raise SimulationFailed(
            f"room {self._room_id!r} was closed while its speakers were talking; let nobody else "
            "end it, or choose another with --room"
        )

    def _take(self, event: FeedEvent) -> None:
        if event.type == "room.left" and event.data.get("id") == self._room_id:
            self._closed()
        tally = self._tally
        if tally is None or event.data.get("room_id") != self._room_id:
            return
        match event.type:
            case "transcript.heard":
                talk = tally.transcript(event.data, read_s=event.read_s)
                if talk is not None:
                    self._on_talk(talk)
            case "alert.raised":
                seen = tally.alert(event.data, read_s=event.read_s)
                if seen is not None:
                    self._on_alert(seen)
            case "alert.updated":
                seen = tally.updated(event.data, read_s=event.read_s)
                if seen is not None:
                    self._on_alert(seen)
            case "alert.retracted":
                tally.retracted(event.data)
        if tally.complete:
            self._complete.set()


def _first(failures: ExceptionGroup[SimulationFailed]) -> SimulationFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
