"""The door to onnxruntime: Silero's detector, which tells speech from noise, hum and music.

Its model (https://github.com/snakers4/silero-vad) comes with faster-whisper's package. This module
does not import that package, which would load CTranslate2 as well.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from asr.likelihood import WINDOW_BYTES, Likelihood
from asr.models import ModelUnavailable

_WINDOW = WINDOW_BYTES // 2
_CONTEXT = 64
"""Samples of the previous window that are part of the input."""
_STATE = (1, 1, 128)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Memory:
    """Detector's memory: the end of the last window and the model's state."""

    end: Floats = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))
    h: Floats = field(default_factory=lambda: np.zeros(_STATE, np.float32))
    c: Floats = field(default_factory=lambda: np.zeros(_STATE, np.float32))


class Silero:
    """The model, loaded once. A window costs about 0.06 ms of one processor."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        # Windows are few and small: threads of its own would cost more than they save.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(
            str(model), providers=["CPUExecutionProvider"], sess_options=options
        )

    def listen(self) -> Likelihood:
        """Return a detector for one track. Detectors may run at the same time."""
        memory = before = _Memory()

        def likelihood(pcm: bytes, *, again: bool = False) -> Sequence[float]:
            nonlocal memory, before
            before = before if again else memory
            samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
            windows: Floats = samples.reshape(-1, _WINDOW)
            ends = np.vstack([before.end, windows[:-1, -_CONTEXT:]])
            inputs = {"input": np.hstack([ends, windows]), "h": before.h, "c": before.c}
            found, h, c = self._session.run(None, inputs)
            memory = _Memory(windows[-1, -_CONTEXT:], h, c)
            return [float(each) for each in np.ravel(found)]

        return likelihood


@functools.cache
def load_silero() -> Silero:
    """Return the detector of this process.

    Raises:
        ModelUnavailable: The model is not where faster-whisper keeps it.
    """
    spec = importlib.util.find_spec("faster_whisper")
    assets = Path(spec.origin).parent / "assets" if spec is not None and spec.origin else None
    found = sorted(assets.glob("silero_vad_v*.onnx")) if assets is not None else []
    if not found:
        raise ModelUnavailable(
            "Silero's model (silero_vad_v*.onnx) was not found in the faster-whisper package: "
            "install the version that requirements.lock names"
        )
    return Silero(found[-1])
