"""Settings of the recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asr.limits import BATCH_SIZE, BEAM_SIZE, HYPOTHESES, LANES, THREADS


@dataclass(frozen=True, slots=True)
class AsrSettings:
    """Settings from the service, or from the environment of a worker.

    Attributes:
        model: `micro` (the demo model), the directory of a converted model, or a name or hub id
            that faster-whisper fetches and caches.
        device: `cpu`, `cuda`, or `auto`: CUDA where it works.
        compute_type: Type in CTranslate2's terms; `auto`: float16 on CUDA, int8 on a CPU.
        threads: CPU threads for each window; 0: one. The cores divided by it are the lanes.
        beam_size: Readings kept open while decoding; 1: greedy.
        hypotheses: Further readings to return of each utterance, fewer than `beam_size`.
        batch_size: Windows in a batch; 0: the device decides.
        lanes: Batches decoded at the same time; 0: the device decides.
        cache_dir: Folder of fetched models; None: the hub client's own.
    """

    model: str = "micro"
    device: str = "auto"
    compute_type: str = "auto"
    threads: int = THREADS.default
    beam_size: int = BEAM_SIZE.default
    hypotheses: int = HYPOTHESES.default
    batch_size: int = BATCH_SIZE.default
    lanes: int = LANES.default
    cache_dir: Path | None = None
