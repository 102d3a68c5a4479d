"""The command and its parts."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from pathlib import Path

import click

from benchmarks.asr.progress import Run, came_to_its_end, end_if_stuck
from benchmarks.ingest import cpu
from benchmarks.ingest.loss import loss
from benchmarks.ingest.vad_table import vad_table
from benchmarks.rows import finish
from service.commands.out_file import OutFile
from service.logs import configure_logs

_PARTS = ("cpu", "silent", "loss", "vad")


@click.command()
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Only these parts.")
@click.option(
    "--tracks",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="Speaking tracks that both sides hear; the step by which more are tried.",
)
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.2, 600),
    default=10.0,
    show_default=True,
    help="How long processor time is measured.",
)
@click.option(
    "--limit-s",
    type=click.FloatRange(5, 86_400),
    default=1800.0,
    show_default=True,
    help="Measure nothing more after so long.",
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Recordings to be mixed with noise, too, for the part vad. NAME.speech.txt beside one is "
    "where speech is in it, as Audacity exports labels.",
)
@click.option("--json", "json_file", type=OutFile(), help="Write the rows here.")
def ingest(
    only: tuple[str, ...],
    tracks: int,
    rounds: int,
    seconds: float,
    limit_s: float,
    corpus: Path | None,
    json_file: Path | None,
) -> None:
    """What it costs to hear a room, and what is lost on the way.

    Publishers in a process of their own send over real ICE, DTLS and SRTP on loopback. cpu:
    processor time for a second of a speaking track, ours beside aiortc's recv() with PyAV's
    resampler and webrtcvad, and how many tracks are heard in real time. silent: tracks whose
    speakers say nothing, with DTX. loss: lost packets, jitter, reordering and an outage; the share
    of speech lost and the demo model's word error rate, ours beside stock aiortc. vad: what is
    taken for speech in noise by webrtcvad, by Silero and by both as the server uses them.
    """
    configure_logs("auto", "warning")  # the table is what is read
    run = Run(limit_s, json_file)
    end_if_stuck(run)
    click.echo(f"{os.cpu_count()} cores, Python {platform.python_version()}, loopback")
    try:
        for part in only or _PARTS:
            if part == "vad":
                vad_table(run, corpus)
            else:
                _measure(part, run, tracks=tracks, rounds=rounds, seconds=seconds)
    finally:
        code = finish(run.rows, run.json_file) if run.rows else 1
        came_to_its_end()
    sys.exit(code)


def _measure(part: str, run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    match part:
        case "cpu":
            cpu.beside(run, tracks=tracks, rounds=rounds, seconds=seconds)
            cpu.most(run, step=tracks, seconds=seconds)
        case "silent":
            cpu.quiet(run, tracks=tracks, rounds=rounds, seconds=seconds)
        case "loss":
            asyncio.run(loss(run))
