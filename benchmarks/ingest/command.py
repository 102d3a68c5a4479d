"""`earshot bench ingest` and its options."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from pathlib import Path

import click

from benchmarks.asr.progress import Run, cancel_timeout, set_timeout
from benchmarks.ingest import cpu
from benchmarks.ingest.loss import loss
from benchmarks.ingest.vad_table import vad_table
from benchmarks.rows import finish
from service.commands.out_file import OutFile
from service.logs import configure_logs

_PARTS = ("cpu", "silent", "loss", "vad")


@click.command()
@click.option(
    "--only",
    type=click.Choice(_PARTS),
    multiple=True,
    help="Part to measure; may be repeated. Default: all parts.",
)
@click.option(
    "--tracks",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="Speaking tracks in the comparison; the search for the most goes up in steps of as many.",
)
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.2, 600),
    default=10.0,
    show_default=True,
    help="Seconds for which processor time is measured.",
)
@click.option(
    "--limit-s",
    type=click.FloatRange(5, 86_400),
    default=1800.0,
    show_default=True,
    help="Seconds after which nothing new is measured.",
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recordings for the part vad. NAME.speech.txt beside a recording marks its "
    "speech, in Audacity's label format.",
)
@click.option("--json", "json_file", type=OutFile(), help="File to write the rows to.")
def ingest(
    only: tuple[str, ...],
    tracks: int,
    rounds: int,
    seconds: float,
    limit_s: float,
    corpus: Path | None,
    json_file: Path | None,
) -> None:
    """Measure the cost of listening to a room, and the speech lost.

    Publishers in a process of their own send over real ICE, DTLS and SRTP on loopback. The parts:

    \b
    cpu     Processor time of a speaking track, compared with aiortc's recv(),
            PyAV's resampler and webrtcvad; the most tracks in real time.
    silent  The same for tracks whose speakers say nothing, with DTX.
    loss    Speech lost, and word error rate, with packet loss, jitter,
            reordering and an outage; compared with stock aiortc.
    vad     Speech detection in noise: webrtcvad, Silero, and the server's
            cascade of both.
    """
    configure_logs("auto", "warning")  # log lines would break up the table
    run = Run(limit_s, json_file)
    set_timeout(run)
    click.echo(f"{os.cpu_count()} cores, Python {platform.python_version()}, loopback")
    try:
        for part in only or _PARTS:
            if part == "vad":
                vad_table(run, corpus)
            else:
                _measure(part, run, tracks=tracks, rounds=rounds, seconds=seconds)
    finally:
        code = finish(run.rows, run.json_file) if run.rows else 1
        cancel_timeout()
    sys.exit(code)


def _measure(part: str, run: Run, *, tracks: int, rounds: int, seconds: float) -> None:
    match part:
        case "cpu":
            cpu.compare_speaking(run, tracks=tracks, rounds=rounds, seconds=seconds)
            cpu.find_capacity(run, step=tracks, seconds=seconds)
        case "silent":
            cpu.compare_silent(run, tracks=tracks, rounds=rounds, seconds=seconds)
        case "loss":
            asyncio.run(loss(run))
