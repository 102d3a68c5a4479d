"""`python -m benchmarks.asr --shape NAME`, for a machine with few packages."""

from __future__ import annotations

import sys
from typing import Any

import click

from asr.shapes import SHAPES
from benchmarks.asr.options import measure_shape, shape_options
from service.errors import Failed


@click.command()
@click.option("--shape", type=click.Choice(sorted(SHAPES)), required=True)
@shape_options
def main(shape: str, **options: Any) -> None:
    """Measure throughput and latency of a model of a real shape with random weights."""
    try:
        code = measure_shape(shape, options)
    except Failed as failure:
        click.echo(f"earshot: {failure}", err=True)
        code = failure.exit_code
    sys.exit(code)


if __name__ == "__main__":
    main()
