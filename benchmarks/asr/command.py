"""`earshot bench asr`: this CPU beside the peers, or one model of a real shape on any device."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from asr.models import MICRO, micro_directory
from asr.shapes import SHAPES, build
from benchmarks.asr.compare import compare
from benchmarks.asr.live import SHORT, WHOLE, Crowd, earshot, live
from benchmarks.asr.loaded import loaded
from benchmarks.asr.material import utterances
from benchmarks.asr.monologue import monologue
from benchmarks.asr.options import measure_shape, shape_options
from benchmarks.asr.progress import Run, came_to_its_end, end_if_stuck
from benchmarks.asr.whisper_live import whisper_live
from benchmarks.rows import finish
from service.errors import ConfigurationError
from service.logs import configure_logs

_PARTS = ("micro", "tiny", "loaded", "monologue", "live")
_LIVE_S = 30.0
_MONOLOGUES = 6
_CPU_ONLY = ("only", "rounds", "peer")


@click.command()
@click.option(
    "--shape",
    type=click.Choice(sorted(SHAPES)),
    help="Shape of a model with random weights to measure instead.",
)
@shape_options
@click.option(
    "--only",
    type=click.Choice(_PARTS),
    multiple=True,
    help="Part to measure; may be repeated. Default: all parts.",
)
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option(
    "--whisper-live",
    "peer",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Virtual environment with WhisperLive, to compare the part live with.",
)
@click.pass_context
def asr(context: click.Context, /, shape: str | None, **options: Any) -> None:
    """Measure the speed of transcription.

    Without --shape, on this CPU, in parts:

    \b
    micro      The demo model compared with faster-whisper.
    tiny       A model of tiny's shape with random weights, compared likewise.
    loaded     The server's queue at 80 and at 150 % of its capacity.
    monologue  The time from a severe phrase in a monologue to its alert.
    live       The most live speakers transcribed within a second.

    With --shape: throughput by batch size, and the most speaking streams by latency, on --device.
    The options from --device to --model-dir go with --shape; --only, --rounds and --whisper-live go
    without it.
    """
    _refuse_strangers(context, shape)
    if shape is not None:
        sys.exit(measure_shape(shape, options))
    configure_logs("auto", "warning")  # the table is what is read
    run = Run(options["limit_s"], options["json_file"])
    end_if_stuck(run)
    click.echo(f"{os.cpu_count()} cores, Python {platform.python_version()}, int8")
    try:
        for part in options["only"] or _PARTS:
            _measure(part, run, options["rounds"], options["peer"])
    finally:
        code = finish(run.rows, run.json_file) if run.rows else 1
        came_to_its_end()
    sys.exit(code)


def _measure(part: str, run: Run, rounds: int, peer: Path | None) -> None:
    match part:
        case "micro":
            compare(MICRO, micro_directory(), utterances(), run, rounds=rounds, meaning=True)
        case "tiny":
            with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
                tiny = build(SHAPES["tiny"], Path(folder) / "tiny", quantization="int8")
                # One round takes as long as three of the demo model, and is as sure.
                compare("random tiny", tiny, utterances(), run, rounds=1, meaning=False)
        case "loaded":
            loaded(MICRO, micro_directory(), run, seconds=_LIVE_S)
        case "monologue":
            monologue(micro_directory(), run, rounds=_MONOLOGUES)
        case "live":
            model = micro_directory()
            ways: dict[str, Crowd] = {
                f"{MICRO}, {WHOLE}": earshot(model, short=False),
                f"{MICRO}, {SHORT}": earshot(model, short=True),
            }
            if peer is not None:
                ways[f"{MICRO}, WhisperLive"] = whisper_live(peer, model)
            live(ways, run, seconds=_LIVE_S)


def _refuse_strangers(context: click.Context, shape: str | None) -> None:
    """Refuse options that would have no effect."""
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if shape is not None and given & {*_CPU_ONLY}:
        raise ConfigurationError(
            "--only, --rounds and --whisper-live do not go with --shape; leave them out"
        )
    strangers = given - {"shape", *_CPU_ONLY, "json_file", "limit_s"}
    if shape is None and strangers:
        names = ", ".join(sorted(f"--{name.replace('_', '-')}" for name in strangers))
        raise ConfigurationError(f"{names} goes with --shape; add --shape NAME")
