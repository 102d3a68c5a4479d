"""Options for a model of a real shape, and the measurement that they describe."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asr.limits import LONGEST_UTTERANCE_S
from asr.shapes import QUANTIZATIONS, SHAPES
from benchmarks.asr.engine import Placement
from benchmarks.asr.progress import Run, cancel_timeout, set_timeout
from benchmarks.asr.shape import Plan, default_threads, measure
from benchmarks.rows import finish
from service.commands.out_file import OutFile

_OPTIONS = (
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option(
        "--compute-type", help="CTranslate2 compute type. Default: int8 on a CPU, float16 on CUDA."
    ),
    click.option(
        "--quantization",
        type=click.Choice(QUANTIZATIONS),
        help="Type of the weights in the model's file.",
    ),
    click.option(
        "--beam-size",
        type=click.IntRange(1, 20),
        default=1,
        show_default=True,
        help="Beam width; 1: greedy.",
    ),
    click.option("--threads", type=click.IntRange(1, 256), help="CPU threads for a batch."),
    click.option(
        "--lanes",
        type=click.IntRange(1, 16),
        default=1,
        show_default=True,
        help="Batches decoded at the same time.",
    ),
    click.option(
        "--window",
        "window_s",
        type=click.FloatRange(1, LONGEST_UTTERANCE_S),
        default=float(LONGEST_UTTERANCE_S),
        show_default=True,
        help="Length of the model's window, in seconds.",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(0.5, 600),
        default=5.0,
        show_default=True,
        help="Seconds to measure each batch size; streams take at least 8.",
    ),
    click.option(
        "--max-batch",
        type=click.IntRange(1, 64),
        help="Most utterances in a batch of streams. Default: 1 on a CPU, 16 on CUDA.",
    ),
    click.option(
        "--model-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Keep the model of random weights in this folder.",
    ),
    click.option(
        "--limit-s",
        type=click.FloatRange(5, 86_400),
        default=1800.0,
        show_default=True,
        help="Start no measurement after this time.",
    ),
    click.option("--json", "json_file", type=OutFile(), help="File to write the rows to."),
)


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def measure_shape(name: str, options: dict[str, Any]) -> int:
    """Measure and return the exit code. The table is on stdout, progress on stderr.

    Raises:
        Failed: The device cannot be used.
    """
    run = Run(options["limit_s"], options["json_file"])
    set_timeout(run)
    cuda = options["device"] == "cuda"
    compute_type = options["compute_type"] or ("float16" if cuda else "int8")
    plan = Plan(
        shape=SHAPES[name],
        placement=Placement(
            device=options["device"],
            compute_type=compute_type,
            threads=options["threads"] or default_threads(),
            beam_size=options["beam_size"],
            lanes=options["lanes"],
        ),
        quantization=options["quantization"] or ("float16" if cuda else "int8"),
        window_s=options["window_s"],
        seconds=options["seconds"],
        most=options["max_batch"] or (16 if cuda else 1),
        directory=options["model_dir"],
    )
    click.echo(
        f"{name} with random weights, {plan.window_s:g} s windows, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, one process"
    )
    try:
        measure(plan, run)
    finally:
        code = finish(run.rows, run.json_file) if run.rows else 1
        cancel_timeout()
    return code
