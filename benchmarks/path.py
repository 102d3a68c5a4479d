"""`earshot bench path`: latency from the speech of simulated speakers to the server's alerts."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from benchmarks.processor import cpu_s
from benchmarks.rows import Row, finish
from service.commands.out_file import OutFile
from service.commands.server_process import server_process
from service.errors import Failed
from service.simulation.failed import SimulationFailed
from service.simulation.results import Report, combine_reports
from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Script, load_script

_PASS_S = 60.0
_SPEAKERS = 3
_LATENCY_BAR_S = 1.0
_GROWTH_BAR = 5.0
_WARM_S = 60
_SAMPLE_S = 30


@click.command()
@click.option("--minutes", type=click.IntRange(1, 600), default=10, show_default=True)
@click.option(
    "--rooms",
    type=click.IntRange(1, 200),
    default=1,
    show_default=True,
    help="Rooms at once, each at another place of the script.",
)
@click.option("--json", "json_file", type=OutFile(), help="File to write the rows to.")
def path(minutes: int, rooms: int, json_file: Path | None) -> None:
    """Measure the time from speech to alert over WebRTC.

    Three simulated speakers in each room talk to a server with the micro model; all run on this
    machine. Latency counts from the last sample of the speech sent to the alert received. It
    includes the pause of 0.5 s that ends an utterance.
    """
    click.echo(
        f"{minutes} min, {rooms} rooms of {_SPEAKERS} speakers, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, micro model"
    )
    try:
        report, used = asyncio.run(_measure(minutes, rooms))
    except SimulationFailed as error:
        raise Failed(str(error)) from error
    rows = [*_latency_rows(report), *_accuracy_rows(report), *_core_rows(used)]
    sys.exit(finish([*rows, *_memory_rows(used.memory_kib)], json_file))


@dataclass(slots=True)
class _Used:
    """Memory and processor time, sampled once a second.

    Attributes:
        memory_kib: Resident memory of the server.
        server_s: Processor time of the server so far.
        speakers_s: Processor time of all speakers so far.
    """

    memory_kib: list[int] = field(default_factory=list)
    server_s: list[float] = field(default_factory=list)
    speakers_s: list[float] = field(default_factory=list)


async def _measure(minutes: int, rooms: int) -> tuple[Report, _Used]:
    script = load_script(DEMO_SCRIPT)
    used = _Used()
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as data:
        async with server_process(Path(data), {"EARSHOT_ASR_MODEL": "micro"}) as server:
            sampling = asyncio.create_task(_sample(server.process.pid, used), name="bench samples")
            try:
                async with asyncio.TaskGroup() as group:
                    running = [
                        group.create_task(
                            simulate_room(
                                server.url,
                                server.key,
                                f"bench-{number}",
                                _repeated(script, minutes, number * _PASS_S / rooms),
                                on_progress=_ignore if number else click.echo,
                            ),
                            name=f"bench room {number}",
                        )
                        for number in range(rooms)
                    ]
            except* SimulationFailed as failures:
                raise _first(failures) from failures
            finally:
                sampling.cancel()
    return combine_reports([room.result() for room in running]), used


def _ignore(_: str) -> None:
    pass


def _first(failures: BaseExceptionGroup[SimulationFailed]) -> SimulationFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def _repeated(script: Script, times: int, later_s: float) -> Script:
    """Return a script of the first speakers that repeats every minute, shifted by `later_s`."""
    speakers = tuple(
        replace(
            speaker,
            lines=tuple(
                replace(line, at_s=at_s + n * _PASS_S)
                for n in range(times)
                for at_s, line in sorted(
                    (((line.at_s + later_s) % _PASS_S, line) for line in speaker.lines),
                    key=lambda one: one[0],
                )
            ),
        )
        for speaker in script.speakers[:_SPEAKERS]
    )
    return replace(script, speakers=speakers)


async def _sample(pid: int, used: _Used) -> None:
    while True:
        used.memory_kib.append(_resident_kib(pid))
        used.server_s.append(cpu_s(pid))
        used.speakers_s.append(time.process_time())
        await asyncio.sleep(1)


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Failed(f"process {pid} has no memory figure in /proc")


def _latency_rows(report: Report) -> list[Row]:
    p50, p95, most = (report.latency_s(share) or 0.0 for share in (0.5, 0.95, 1.0))
    return [
        Row("speech end to alert, p50", round(p50, 3), "s"),
        Row("speech end to alert, p95", round(p95, 3), "s", _LATENCY_BAR_S),
        Row("speech end to alert, max", round(most, 3), "s"),
    ]


def _accuracy_rows(report: Report) -> list[Row]:
    return [
        Row("utterances", report.utterances, ""),
        Row("word error rate", round(100 * report.word_error_rate, 2), "%"),
        Row("alerts expected", report.expected, ""),
        Row("alerts missed", report.missed, "", 0),
        Row("alerts false", report.false, "", 0),
    ]


def _core_rows(used: _Used) -> list[Row]:
    """Return the cores used in the middle half: encoding comes before, the rooms' end after."""
    count = len(used.server_s)
    first, last = count // 4, count * 3 // 4
    if last <= first:
        return []
    return [
        Row(f"cores used by {who}", round((spent[last] - spent[first]) / (last - first), 2), "")
        for who, spent in (("the server", used.server_s), ("the speakers", used.speakers_s))
    ]


def _memory_rows(memory: Sequence[int]) -> list[Row]:
    if len(memory) < _WARM_S + 2 * _SAMPLE_S:
        return [Row("server memory at the end", round(memory[-1] / 1024, 1), "MiB")]
    first = statistics.median(memory[_WARM_S : _WARM_S + _SAMPLE_S])
    last = statistics.median(memory[-_SAMPLE_S:])
    growth = 100 * (last / first - 1)
    return [
        Row("server memory after a minute", round(first / 1024, 1), "MiB"),
        Row("server memory at the end", round(last / 1024, 1), "MiB"),
        Row("growth after the first minute", round(growth, 2), "%", _GROWTH_BAR),
    ]
