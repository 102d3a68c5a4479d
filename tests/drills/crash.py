"""Crash drill: speakers talk in a room while its server is killed and restarted."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from policies.packs import demo_packs
from service.simulation.client import FeedEvent, ServerClient
from service.simulation.results import LineResult, ReceivedTranscript, Report
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, load_script
from service.simulation.voice import SAMPLE_RATE, read_clip
from tests.server import Server

_ROOM = "crash"
_START_S = 4.0
"""Longest start-up that fits into a cycle; a slower machine's cycles are longer."""
_CYCLE_S = 14.0
"""Time from one kill to the next: start-up, the speakers' return, and some speech."""
_FIRST_S = 4.0
_LAST_WORD_S = 90.0
"""Longest wait for the departure of every speaker. The server gives up a speaker who does not
return after a crash 60 s after its start (`_RETURN_S` of `service/rooms/whip.py`): only then does
the gap end and become an event."""
_PATIENCE_S = 120.0
"""Longest time for which the clients wait for a server that starts on a busy machine."""
_NEAR = timedelta(seconds=8)
"""Distance from a violation within which a fault names the events on record."""
_TORN_S = 0.18
"""Stall of a speaker's own client from which a line is torn: a server hears a hole in a word, as
on a line that drops out (`HOLD_S` of `service/listening/silence_fill.py`)."""
_MOST_TORN = 0.1
"""Share of torn lines from which a run proves nothing."""
_EDGE = timedelta(milliseconds=150)
"""Tolerance of a word's time at the server: jitter and the length of two packets."""


@dataclass(frozen=True, slots=True)
class Gap:
    speaker_id: str
    from_at: datetime
    to_at: datetime


@dataclass(frozen=True, slots=True)
class Violation:
    """Scripted line that must raise an alert, in wall-clock time.

    Attributes:
        stalled_s: Longest stall of the speaker's own client while it sent the line.
    """

    speaker_id: str
    text: str
    from_at: datetime
    to_at: datetime
    stalled_s: float = 0.0

    @property
    def torn(self) -> bool:
        """Whether it was not sent as it was scripted: it says nothing about the server."""
        return self.stalled_s > _TORN_S


@dataclass(frozen=True, slots=True)
class Aftermath:
    """State after the drill.

    Attributes:
        followed: Cursors in the order in which a client with `Last-Event-ID` read them.
        logged: Cursors of the event log at the end.
        log: Everything in the event log, in order.
    """

    violations: Sequence[Violation]
    alerts: Sequence[dict[str, Any]]
    gaps: Sequence[Gap]
    followed: Sequence[int]
    logged: Sequence[int]
    log: Sequence[FeedEvent] = ()

    def faults(self) -> list[str]:
        """Return a sentence for each broken promise."""
        faults = [fault for violation in self.violations if (fault := self._fault(violation))]
        if list(self.followed) != list(self.logged):
            missed = sorted(set(self.logged) - set(self.followed))
            faults.append(f"the feed client missed {missed[:5]} or read something twice")
        torn = sum(violation.torn for violation in self.violations)
        if torn > _MOST_TORN * len(self.violations):
            faults.append(
                f"the clients stood still in {torn} of {len(self.violations)} lines: a run on a "
                "machine that is so busy proves nothing"
            )
        return faults

    def _fault(self, violation: Violation) -> str | None:
        found = [alert for alert in self.alerts if _about(alert, violation)]
        if len(found) == 1:
            return None
        inside = any(_covers(gap, violation) for gap in self.gaps)
        if not found and (inside or violation.torn):
            return None
        return (
            f"{violation.speaker_id} at {violation.from_at:%H:%M:%S.%f}: "
            f"{len(found)} alerts, {'inside' if inside else 'not inside'} a gap; its client stood "
            f"still for {violation.stalled_s:.2f} s; on record: "
            + ("; ".join(_summaries_near(violation, self.log)) or "nothing")
        )


@dataclass(frozen=True, slots=True)
class Cycle:
    """Part of the script around one kill.

    Attributes:
        length_s: Length of the part.
        first_s: Time from its start to the first line that a kill may hit.
    """

    length_s: float
    first_s: float

    @classmethod
    def of_start(cls, start_s: float) -> Cycle:
        """Return the cycle for a server that takes `start_s` to start."""
        longer_s = max(0.0, start_s - _START_S)
        return cls(_CYCLE_S + longer_s, _FIRST_S + longer_s)


@dataclass(slots=True)
class Followed:
    """Feed as a client with `Last-Event-ID` has read it.

    Attributes:
        cursors: Cursors of the stored events, in the order of reading.
        present: Ids of the speakers in the room, according to the events.
        opened: Set while the feed is open and the server has not been killed since.
        all_left: Set once the room is empty.
    """

    cursors: list[int] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    all_left: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self, event: FeedEvent) -> None:
        if not _stored(event):
            return
        self.cursors.append(int(event.id))
        if event.type == "speaker.joined":
            self.present.add(event.data["id"])
        elif event.type == "speaker.left":
            self.present.discard(event.data["id"])
        (self.all_left.clear if self.present else self.all_left.set)()

    async def until_all_left(self) -> None:
        """Wait until each speaker's departure is in the log, after their last gap."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_S):
                await self.all_left.wait()


async def crash_room(data: Path, seed: int, kills: int, *, database_url: str = "") -> Aftermath:
    """Talk in a room for `kills` cycles; kill the server in mid-speech once in each.

    Args:
        database_url: URL of an empty database; by default SQLite in `data`.
    """
    policies = _without_cooldown(data / "policies")
    settings = {"EARSHOT_POLICY_DIR": str(policies)}
    if database_url:
        settings["EARSHOT_DATABASE_URL"] = database_url
    starting_s = time.monotonic()
    with Server(data / "server", **settings) as server:
        cycle = Cycle.of_start(time.monotonic() - starting_s)
        script = _chatter(kills, cycle)
        followed = Followed()
        async with ServerClient(server.url, server.key) as client, asyncio.TaskGroup() as tasks:
            feed = tasks.create_task(
                client.follow(followed.read, followed.opened.set, patience_s=_PATIENCE_S)
            )
            await followed.opened.wait()
            started = asyncio.get_running_loop().create_future()

            def note_start(talk: ReceivedTranscript) -> None:
                if not started.done():
                    started.set_result(asyncio.get_running_loop().time() - talk.at_s)

            killer = tasks.create_task(
                _kill_and_start(
                    server, script, random.Random(seed), kills, cycle, started, followed.opened
                )
            )
            report = await simulate_room(
                server.url,
                server.key,
                _ROOM,
                script,
                on_transcript=note_start,
                keep_room=True,
                patience_s=_PATIENCE_S,
            )
            await killer
            await followed.until_all_left()
            await asyncio.sleep(2)
            feed.cancel()
        return await _aftermath(server, report, followed.cursors)


async def _kill_and_start(
    server: Server,
    script: Script,
    chance: random.Random,
    n: int,
    cycle: Cycle,
    started: asyncio.Future[float],
    followed: asyncio.Event,
) -> None:
    """Kill the server in the middle of a violation, once in each cycle of the script.

    After a start-up that took longer than a cycle the next kill is overdue. It waits until the
    feed is `followed` again: a server killed before a client has reached it proves nothing.
    """
    began = await started
    for number in range(n):
        from_s = number * cycle.length_s
        lines = [
            line
            for speaker in script.speakers
            for line in speaker.lines
            if line.alerts and from_s + cycle.first_s <= line.at_s < from_s + cycle.length_s
        ]
        line = chance.choice(lines[: max(1, len(lines) // 2)])
        at = began + line.at_s + chance.uniform(0.3, 2.5)
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        await followed.wait()
        server.kill()
        followed.clear()
        await asyncio.to_thread(server.start)


def _chatter(kills: int, cycle: Cycle) -> Script:
    """Return a script of speakers who break a rule every few seconds."""
    demo = load_script(DEMO_SCRIPT)
    speakers = []
    for number, speaker in enumerate(demo.speakers[1:]):
        clips = [line for line in speaker.lines if line.alerts]
        lines = tuple(_said(clips, number * 1.1 + 1.0, kills * cycle.length_s + 4.0))
        speakers.append(replace(speaker, lines=lines))
    return replace(demo, speakers=tuple(speakers))


def _said(clips: Sequence[Line], start_s: float, end_s: float) -> Iterator[Line]:
    at_s, turn = start_s, 0
    while at_s < end_s:
        line = clips[turn % len(clips)]
        yield replace(line, at_s=round(at_s, 2))
        at_s += len(read_clip(line.clip)) / SAMPLE_RATE + 1.3
        turn += 1


def _without_cooldown(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for pack in demo_packs().glob("*.yaml"):
        text = pack.read_text().replace("cooldown: 30s", "cooldown: 0s")
        (folder / pack.name).write_text(text)
    return folder


async def _aftermath(server: Server, report: Report, followed: Sequence[int]) -> Aftermath:
    log: list[FeedEvent] = []
    complete = asyncio.Event()
    last = followed[-1] if followed else 0

    def read(event: FeedEvent) -> None:
        if _stored(event):
            log.append(event)
            if int(event.id) >= last:
                complete.set()

    async with ServerClient(server.url, server.key) as client, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(client.follow(read, lambda: None, cursor="0"))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORD_S):
                await complete.wait()
                await asyncio.sleep(1)  # for what the other client has not read
        reading.cancel()
    alerts = _all_alerts(server)
    start = followed[0] if followed else 0
    logged = [int(event.id) for event in log]
    gaps = [
        Gap(data["speaker_id"], _time(data["from_at"]), _time(data["to_at"]))
        for data in (event.data for event in log if event.type == "audio.gap")
    ]
    return Aftermath(
        violations=[_violation(report, line) for line in report.lines if line.alerts],
        alerts=alerts,
        gaps=gaps,
        followed=followed,
        logged=[cursor for cursor in logged if cursor >= start],
        log=log,
    )


def _summaries_near(violation: Violation, log: Sequence[FeedEvent]) -> Iterator[str]:
    """Yield the speaker's events around the violation: type, times, words or reason."""
    for event in log:
        data = event.data
        if violation.speaker_id not in (data.get("speaker_id"), data.get("id")):
            continue
        from_at = data.get("started_at") or data.get("from_at") or data.get("speech_started_at")
        to_at = data.get("ended_at") or data.get("to_at") or data.get("speech_ended_at")
        if from_at is None or to_at is None:
            yield f"{event.type} {data.get('joined_at') or data.get('left_at') or ''}"
        elif _time(to_at) > violation.from_at - _NEAR and _time(from_at) < violation.to_at + _NEAR:
            words = data.get("text") or data.get("excerpt") or data.get("reason")
            yield f"{event.type} {from_at[11:23]} to {to_at[11:23]} {words}"


def _stored(event: FeedEvent) -> bool:
    """Return whether the log holds the event: no levels, nor events that only set the cursor."""
    return bool(event.data) and event.type != "speaker.levels"


def _all_alerts(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with server.client() as client:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            page = client.get("/v1/alerts", params=query).raise_for_status().json()
            found += page["items"]
            cursor = page["next_cursor"]
    return found


def _violation(report: Report, line: LineResult) -> Violation:
    from_at = report.started_at + timedelta(seconds=line.from_s)
    to_at = report.started_at + timedelta(seconds=line.to_s)
    return Violation(line.speaker_id, line.text, from_at, to_at, line.stalled_s)


def _about(alert: dict[str, Any], violation: Violation) -> bool:
    """Return whether the alert's utterance overlaps more than half of the line."""
    if alert["speaker_id"] != violation.speaker_id:
        return False
    start = max(_time(alert["speech_started_at"]), violation.from_at)
    end = min(_time(alert["speech_ended_at"]), violation.to_at)
    return (end - start) > (violation.to_at - violation.from_at) / 2


def _covers(gap: Gap, violation: Violation) -> bool:
    return (
        gap.speaker_id == violation.speaker_id
        and gap.from_at <= violation.from_at + _EDGE
        and gap.to_at >= violation.to_at - _EDGE
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
