"""The options of one model of a real shape, and what they come to."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asr.shapes import QUANTIZATIONS, SHAPES
from benchmarks.asr.engine import Placement
from benchmarks.asr.progress import Run, came_to_its_end, end_if_stuck
from benchmarks.asr.shape import Plan, default_threads, measure
from benchmarks.rows import finish
from service.commands.out_file import OutFile

_OPTIONS = (
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option("--compute-type", help="As CTranslate2 names it; int8, on CUDA float16."),
    click.option("--quantization", type=click.Choice(QUANTIZATIONS), help="Of the model's file."),
    click.option("--beam-size", type=click.IntRange(1, 20), default=1, show_default=True),
    click.option("--threads", type=click.IntRange(1, 256), help="Of a model on a CPU."),
    click.option(
        "--lanes",
        type=click.IntRange(1, 16),
        default=1,
        show_default=True,
        help="Batches that the model works on at once.",
    ),
    click.option(
        "--window",
        "window_s",
        type=click.FloatRange(1, 30),
        default=30.0,
        show_default=True,
        help="Seconds encoded.",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(0.5, 600),
        default=5.0,
        show_default=True,
        help="How long each batch size is measured; streams for 8 s at least.",
    ),
    click.option(
        "--max-batch",
        type=click.IntRange(1, 64),
        help="Utterances in a batch at most while streams are listened to; 1, on CUDA 16.",
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
        help="Measure nothing more after so long.",
    ),
    click.option("--json", "json_file", type=OutFile(), help="Write the rows here."),
)


def shape_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def measure_shape(name: str, options: dict[str, Any]) -> int:
    """The exit code; the table is on stdout, progress on stderr.

    Raises:
        Failed: the device cannot be used.
    """
    run = Run(options["limit_s"], options["json_file"])
    end_if_stuck(run)
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
        came_to_its_end()
    return code
