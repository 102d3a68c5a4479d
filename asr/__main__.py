"""`python -m asr worker`: a worker where only this package is installed."""

from __future__ import annotations

import os
import sys

import click
import structlog

from asr.environment import EnvironmentInvalid, from_environment
from asr.loading import load_whisper
from asr.parallelism import batch_size, lanes
from asr.worker_process import WorkerFailed, run_worker


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def asr() -> None:
    """Speech recognition by itself."""


@asr.command()
def worker() -> None:
    """Transcribe for the servers that share EARSHOT_REDIS_URL, with the model of EARSHOT_ASR_*."""
    _log_to_stderr()
    try:
        settings = from_environment(os.environ)
        redis_url = os.environ.get("EARSHOT_REDIS_URL")
        batch = lanes(settings) * batch_size(settings)
        run_worker(settings, redis_url, load=load_whisper, batch=batch)
    except EnvironmentInvalid as error:
        _exit(str(error), 2)
    except WorkerFailed as error:
        _exit(str(error), error.exit_code)


def _exit(text: str, code: int) -> None:
    click.echo(f"earshot: {text}", err=True)
    sys.exit(code)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    asr(prog_name="python -m asr")
