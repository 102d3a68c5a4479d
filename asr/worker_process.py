"""A worker as a process: model, signals, and one sentence where it cannot start."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import structlog

from asr.batch_runner import ModelBroken
from asr.cuda import CudaUnavailable, out_of_memory, suggest_remedy
from asr.models import ModelUnavailable, model_name
from asr.redis_streams import Streams, StreamsRefused
from asr.settings import AsrSettings
from asr.transcriber import Transcriber
from asr.worker import Worker, WorkerTimes

log = structlog.get_logger()


class WorkerFailed(Exception):
    """A worker could not start or go on. The text is one sentence with the remedy.

    Attributes:
        exit_code: 1 for a failure, 2 for a wrong setting.
    """

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def run_worker(
    settings: AsrSettings,
    redis_url: str | None,
    *,
    load: Callable[[AsrSettings], Transcriber],
    batch: int,
    times: WorkerTimes | None = None,
) -> None:
    """Transcribe until SIGTERM or SIGINT. A second signal ends the process at once.

    Args:
        load: Makes the transcriber. Raises ModelUnavailable, or any exception of the model.
        batch: Most utterances in a batch.

    Raises:
        WorkerFailed: The model, device, memory or Redis is missing.
    """
    if not redis_url:
        raise WorkerFailed(
            "EARSHOT_REDIS_URL: a worker takes its work from there; set it to the server's, such "
            "as redis://host:6379/0",
            2,
        )
    try:
        asyncio.run(_run(settings, redis_url, load, batch, times))
    except StreamsRefused as error:
        raise WorkerFailed(f"EARSHOT_REDIS_URL: {error}", 2) from error
    except ModelBroken as error:
        raise WorkerFailed(str(error), 1) from error


async def _run(
    settings: AsrSettings,
    redis_url: str,
    load: Callable[[AsrSettings], Transcriber],
    batch: int,
    times: WorkerTimes | None,
) -> None:
    model = model_name(settings.model)
    streams = Streams(redis_url, model)
    worker = Worker(streams, lambda: _load(settings, load), model=model, batch=batch, times=times)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if worker.stopping:  # others claim its entries, as after a crash
            os._exit(1)
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await worker.run()
    finally:
        await streams.close()


def _load(settings: AsrSettings, load: Callable[[AsrSettings], Transcriber]) -> Transcriber:
    try:
        return load(settings)
    except Exception as error:
        if isinstance(error, CudaUnavailable):
            text, code = f"EARSHOT_ASR_DEVICE: {error}", 2
        elif out_of_memory(error):
            text, code = f"the model {settings.model} does not start: {suggest_remedy(error)}", 1
        elif isinstance(error, ModelUnavailable):
            text, code = f"EARSHOT_ASR_MODEL: {error}", 2
        else:
            text, code = (
                f"the model {settings.model} does not start ({error}): {suggest_remedy(error)}",
                1,
            )
        raise WorkerFailed(text, code) from error
