"""`earshot bench asr`: this CPU beside the peers, or a model of a real shape on any device."""

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
from benchmarks.asr.progress import Run, cancel_timeout, set_timeout
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
    help="Measure a model of this shape with random weights instead.",
)
@shape_options
@click.option("--only", type=click.Choice(_PARTS), multiple=True, help="Only these parts.")
@click.option("--rounds", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option(
    "--whisper-live",
    "peer",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A virtual environment with WhisperLive, to be measured beside the live part.",
)
@click.pass_context
def asr(context: click.Context, /, shape: str | None, **options: Any) -> None:
    """Measure transcription.

    Without --shape: utterances per second of processor time, by the demo model and by a random one
    of tiny's shape, on this CPU beside faster-whisper; waits in the server's queue at 80 % and
    150 % of its capacity; the time from a grave phrase in a monologue to its alert; and the number
    of live speakers who are transcribed within a second.
    With --shape: throughput by batch size, and speaking streams by latency, on --device. --device
    and its options need --shape; --only, --rounds and --whisper-live exclude it.
    """
    _refuse_useless_options(context, shape)
    if shape is not None:
        sys.exit(measure_shape(shape, options))
    configure_logs("auto", "warning")  # only the table matters
    run = Run(options["limit_s"], options["json_file"])
    set_timeout(run)
    click.echo(f"{os.cpu_count()} cores, Python {platform.python_version()}, int8")
    try:
        for part in options["only"] or _PARTS:
            _measure(part, run, options["rounds"], options["peer"])
    finally:
        code = finish(run.rows, run.json_file) if run.rows else 1
        cancel_timeout()
    sys.exit(code)


def _measure(part: str, run: Run, rounds: int, peer: Path | None) -> None:
    match part:
        case "micro":
            compare(MICRO, micro_directory(), utterances(), run, rounds=rounds, meaning=True)
        case "tiny":
            with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
                tiny = build(SHAPES["tiny"], Path(folder) / "tiny", quantization="int8")
                # One round takes as long as three of the demo model, and is as accurate.
                compare("random tiny", tiny, utterances(), run, rounds=1, meaning=False)
        case "loaded":
            loaded(MICRO, micro_directory(), run, seconds=_LIVE_S)
        case "monologue":
            monologue(micro_directory(), run, rounds=_MONOLOGUES)
        case "live":
            model = micro_directory()
            systems: dict[str, Crowd] = {
                f"{MICRO}, {WHOLE}": earshot(model, short=False),
                f"{MICRO}, {SHORT}": earshot(model, short=True),
            }
            if peer is not None:
                systems[f"{MICRO}, WhisperLive"] = whisper_live(peer, model)
            live(systems, run, seconds=_LIVE_S)


def _refuse_useless_options(context: click.Context, shape: str | None) -> None:
    """Refuse options that would have no effect."""
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if shape is not None and given & {*_CPU_ONLY}:
        raise ConfigurationError(
            "--only, --rounds and --whisper-live are of the parts without --shape; leave them out"
        )
    useless = given - {"shape", *_CPU_ONLY, "json_file", "limit_s"}
    if shape is None and useless:
        names = ", ".join(sorted(f"--{name.replace('_', '-')}" for name in useless))
        raise ConfigurationError(f"{names} goes with --shape; add --shape NAME")
