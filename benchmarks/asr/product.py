"""The server's whole transcriber on the same model: features, decoding and text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE, EndedBy, Utterance
from asr.transcriber import Transcriber
from benchmarks.asr.engine import Placement
from benchmarks.asr.lanes import measure_rate

_load: Callable[[AsrSettings], Transcriber] | None
try:
    from asr.loading import load_whisper
except ImportError:  # a GPU machine that has the model's library alone
    _load = None
else:
    _load = load_whisper

_SPOKEN_S = 5
_START = datetime(2026, 1, 1, tzinfo=UTC)


def product_rate(
    directory: Path, placement: Placement, *, batch: int, seconds: float
) -> float | None:
    """Return the 5 s utterances per second of the server's transcriber; None: not installed.

    Raises:
        ModelUnavailable: The model does not load.
        TranscriptionFailed: The model refuses a batch.
    """
    if _load is None:
        return None
    settings = AsrSettings(
        model=str(directory),
        device=placement.device,
        compute_type=placement.compute_type,
        threads=placement.threads,
        beam_size=placement.beam_size,
        batch_size=batch,
        lanes=placement.lanes,
    )
    transcriber = _load(settings)
    utterances = [_noise(number) for number in range(batch)]
    rate, _ = measure_rate(
        lambda: transcriber.transcribe(utterances), batch, seconds=seconds, lanes=placement.lanes
    )
    return rate


def _noise(number: int) -> Utterance:
    samples = np.random.default_rng(number).normal(0, 3000, _SPOKEN_S * SAMPLE_RATE)
    pcm = np.clip(samples, -32768, 32767).astype(np.int16).tobytes()
    return Utterance(
        f"{number}", "bench", f"{number}", _START, pcm, EndedBy.SILENCE, languages=("en",)
    )
