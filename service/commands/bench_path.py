"""`earshot bench path`: simulated speakers, the server, and how long their alerts take."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from service.commands.out_file import OutFile
from service.commands.rows import Row, finish
from service.commands.server_process import server_process
from service.errors import Failed
from service.simulation.failed import SimulationFailed
from service.simulation.run import run
from service.simulation.script import DEMO_SCRIPT, Script, load_script
from service.simulation.tally import Report

_PASS_S = 60.0
_SPEAKERS = 3
_LATENCY_BAR_S = 1.2
_GROWTH_BAR = 5.0
_WARM_S = 60
_SAMPLE_S = 30


@click.command()
@click.option("--minutes", type=click.IntRange(1, 600), default=10, show_default=True)
@click.option("--json", "json_file", type=OutFile(), help="Write the rows here.")
def path(minutes: int, json_file: Path | None) -> None:
    """The whole path: three simulated speakers over WebRTC, micro model, server and clients here.

    Latency is from the last scripted sample sent to the alert's bytes read by the client, of which
    0.5 s is the pause that ends an utterance.
    """
    click.echo(
        f"{minutes} min, {_SPEAKERS} speakers, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, micro model"
    )
    try:
        report, memory = asyncio.run(_measure(minutes))
    except SimulationFailed as error:
        raise Failed(str(error)) from error
    rows = [*_latency_rows(report), *_accuracy_rows(report), *_memory_rows(memory)]
    sys.exit(finish(rows, json_file))


async def _measure(minutes: int) -> tuple[Report, list[int]]:
    script = _repeated(load_script(DEMO_SCRIPT), minutes)
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as data:
        async with server_process(Path(data), {"EARSHOT_ASR_MODEL": "micro"}) as server:
            memory: list[int] = []
            sampling = asyncio.create_task(
                _sample_memory(server.process.pid, memory), name="bench memory"
            )
            try:
                report = await run(server.url, server.key, "bench", script, on_progress=click.echo)
            finally:
                sampling.cancel()
    return report, memory


def _repeated(script: Script, times: int) -> Script:
    """The script's first speakers, saying all of it once a minute."""
    speakers = tuple(
        replace(
            speaker,
            lines=tuple(
                replace(line, at_s=line.at_s + n * _PASS_S)
                for n in range(times)
                for line in speaker.lines
            ),
        )
        for speaker in script.speakers[:_SPEAKERS]
    )
    return replace(script, speakers=speakers)


async def _sample_memory(pid: int, into: list[int]) -> None:
    while True:
        into.append(_resident_kib(pid))
        await asyncio.sleep(1)


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Failed(f"process {pid} does not say how much memory it uses")


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
