"""faster-whisper as other servers use it, with the settings of our transcriber."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from numpy.typing import NDArray

from asr.speech import SAMPLE_RATE

_BATCH = 8


class Peer:
    """One faster-whisper model.

    The settings are equal: one language, no fall-back to other temperatures, no timestamps, no
    previous text, the same beam.
    """

    def __init__(self, directory: Path, *, threads: int, beam_size: int) -> None:
        self._model = WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=threads
        )
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {
            "language": "en",
            "beam_size": beam_size,
            "temperature": 0.0,
            "without_timestamps": True,
            "vad_filter": False,
        }

    def one_by_one(self, sounds: Sequence[bytes]) -> list[str]:
        """Call `transcribe` for each behind a lock, like servers with a shared model."""
        texts = []
        for pcm in sounds:
            with self._lock:
                segments, _ = self._model.transcribe(
                    _samples(pcm), condition_on_previous_text=False, **self._settings
                )
                texts.append("".join(segment.text for segment in segments).strip())
        return texts

    def batched(self, sounds: Sequence[bytes]) -> str:
        """Transcribe all as clips of one recording, the form that the pipeline batches."""
        clips, at = [], 0.0
        for pcm in sounds:
            end = at + len(pcm) / 2 / SAMPLE_RATE
            clips.append({"start": at, "end": end})
            at = end
        segments, _ = BatchedInferencePipeline(self._model).transcribe(
            _samples(b"".join(sounds)), batch_size=_BATCH, clip_timestamps=clips, **self._settings
        )
        return " ".join(segment.text.strip() for segment in segments)


def _samples(pcm: bytes) -> NDArray[np.float32]:
    return np.frombuffer(pcm, np.int16).astype(np.float32) / 32768.0
