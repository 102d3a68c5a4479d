"""`earshot worker`: transcription for servers on other machines."""

from __future__ import annotations

import click

from asr.loading import load_whisper
from asr.parallelism import batch_size, lanes
from asr.worker_process import WorkerFailed, run_worker
from service.errors import ConfigurationError, Failed
from service.logs import configure_logs
from service.settings import load_settings


@click.command()
def worker() -> None:
    """Transcribe for servers on other machines, through Redis.

    EARSHOT_REDIS_URL is the Redis that servers and workers share; EARSHOT_ASR_MODEL is the model.
    Runs until SIGTERM or Ctrl-C.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    asr = settings.asr()
    try:
        run_worker(asr, settings.redis_url, load=load_whisper, batch=lanes(asr) * batch_size(asr))
    except WorkerFailed as error:
        kind = ConfigurationError if error.exit_code == 2 else Failed
        raise kind(str(error)) from error
