"""A worker process whose model is a scribe, or the demo model: `MODEL URL PACE_S BATCH`.

Its times are shorter than an operator's, so that a drill sees many claims in a few seconds.
"""

from __future__ import annotations

import sys

from asr.settings import AsrSettings
from asr.transcriber import Transcriber
from asr.worker import WorkerTimes
from asr.worker_process import run_worker
from tests.asr.scribe import Scribe

TIMES = WorkerTimes(
    claim_every_s=0.2, least_idle_s=1.0, idle_batches=2.0, beat_s=0.3, farewell_s=2.0
)


def main(model: str, url: str, pace_s: float, batch: int) -> None:
    def load(settings: AsrSettings) -> Transcriber:
        if model != "micro":
            return Scribe(model=model, pace_s=pace_s)
        from asr.whisper import load as load_whisper  # noqa: PLC0415 - slow, and seldom wanted

        return load_whisper(settings)

    settings = AsrSettings(model=model, device="cpu", threads=1)
    run_worker(settings, url, load=load, batch=batch, times=TIMES)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
