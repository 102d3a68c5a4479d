"""Recogniser of the front: a model in this process, or workers over Redis."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from asr.cuda import CudaUnavailable, out_of_memory, suggest_remedy
from asr.loading import load_whisper
from asr.local_queue import LocalQueue
from asr.models import ModelUnavailable, model_name
from asr.parallelism import batch_size, lanes
from asr.redis_queue import RedisQueue
from asr.redis_streams import Streams, StreamsRefused
from asr.scheduler import SchedulerSettings
from asr.settings import AsrSettings
from asr.stream_records import Overview, StreamLimits, WorkerStatus
from asr.transcriber import Transcriber
from service.errors import ConfigurationError, Failed
from service.metrics import Metrics
from service.settings import Settings

log = structlog.get_logger()


class OwnModel:
    """A model in this process.

    Attributes:
        model: Name of the model; empty until it is loaded.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        asr = settings.asr()
        self.model = ""

        def measure(size: int, seconds: float) -> None:
            metrics.batch_size.observe(size)
            metrics.batch_seconds.observe(seconds)

        self.queue = LocalQueue(
            lambda: load_model(asr),
            settings=SchedulerSettings(
                capacity=settings.asr_queue,
                batch_size=batch_size(asr),
                lanes=lanes(asr),
                deadline_s=settings.asr_deadline_s,
            ),
            on_batch=measure,
        )

    async def start(self) -> None:
        transcriber = await self.queue.start()
        self.model = transcriber.model
        log.info("asr.loaded", model=transcriber.model, on=transcriber.describe())

    def unready(self) -> str | None:
        return self.queue.unready()

    def workers(self) -> None:
        return None

    async def close(self) -> None:
        await self.queue.close()


class Workers:
    """Workers over Redis; no model is loaded here.

    Attributes:
        model: Name of the model that they must have.
    """

    def __init__(self, settings: Settings, redis_url: str, metrics: Metrics) -> None:
        self.model = model_name(settings.asr_model)
        self._metrics = metrics
        self._last: Overview | None = None
        self.queue = RedisQueue(
            _streams(redis_url, self.model),
            self.model,
            capacity=settings.asr_queue,
            deadline_s=settings.asr_deadline_s,
            limits=StreamLimits(bytes=settings.redis_mb * 1024 * 1024),
            on_overview=self._measure,
        )
        metrics.redis_up.set_function(lambda: 0 if self.queue.overview is None else 1)

    async def start(self) -> None:
        try:
            await self.queue.start()
        except StreamsRefused as error:
            raise ConfigurationError(f"EARSHOT_REDIS_URL: {error}") from error
        why = self.queue.unready()
        log.info("asr.by_workers", model=self.model, ready=why is None)

    def unready(self) -> str | None:
        return self.queue.unready()

    def workers(self) -> Sequence[WorkerStatus]:
        overview = self.queue.overview
        return () if overview is None else overview.workers

    async def close(self) -> None:
        await self.queue.close()

    def _measure(self, overview: Overview) -> None:
        metrics, last = self._metrics, self._last
        ours = [worker for worker in overview.workers if worker.model == self.model]
        metrics.workers.set(len(ours))
        metrics.workers_busy.set(sum(worker.busy for worker in ours))
        metrics.stream_bytes.set(overview.bytes)
        for work, waiting in overview.waiting.items():
            metrics.stream_waiting.labels(work).set(waiting)
            metrics.stream_behind.labels(work).set(overview.behind_s[work])
        if last is not None:  # counts from before this server are not its own
            metrics.claims.inc(max(0, overview.claims - last.claims))
            metrics.dead_letters.inc(max(0, overview.dead - last.dead))
        self._last = overview


def make_recogniser(settings: Settings, metrics: Metrics) -> OwnModel | Workers:
    """Return the recogniser that the settings ask for.

    Raises:
        ConfigurationError: EARSHOT_REDIS_URL is no address.
    """
    if settings.redis_url:
        return Workers(settings, settings.redis_url, metrics)
    return OwnModel(settings, metrics)


def load_model(settings: AsrSettings) -> Transcriber:
    """Load the model.

    Raises:
        ConfigurationError: The model or its device is not available.
        Failed: There is too little memory for the model.
    """
    try:
        return load_whisper(settings)
    except CudaUnavailable as error:
        raise ConfigurationError(f"EARSHOT_ASR_DEVICE: {error}") from error
    except ModelUnavailable as error:
        raise ConfigurationError(f"EARSHOT_ASR_MODEL: {error}") from error
    except Exception as error:
        if out_of_memory(error):
            text = f"the model {settings.model} does not start: {suggest_remedy(error)}"
            raise Failed(text) from error
        raise


def _streams(redis_url: str, model: str) -> Streams:
    try:
        return Streams(redis_url, model)
    except StreamsRefused as error:
        raise ConfigurationError(f"EARSHOT_REDIS_URL: {error}") from None
