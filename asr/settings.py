"""What a recogniser needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AsrSettings:
    """Handed down by the service or by the worker's command line.

    Attributes:
        model: `micro` (the demo model), a directory of a converted model, or a name or hub id
            that faster-whisper fetches and caches.
        device: `cpu`, `cuda`, or `auto`: CUDA where it works.
        compute_type: As CTranslate2 names it; `auto`: float16 on CUDA, int8 on a CPU.
        threads: CPU threads for each window; as many windows are heard at once as the cores then
            bear. 0: one thread.
        beam_size: Readings kept open while decoding; 1 is greedy.
        hypotheses: Further readings of each utterance to give out, less than `beam_size`.
        batch_size: Windows given to the model at once; 0: as suits the device.
        lanes: Batches that the model hears at once; 0: as suits the device.
        cache_dir: Where fetched models are kept; None: the hub client's own folder.
    """

    model: str = "micro"
    device: str = "auto"
    compute_type: str = "auto"
    threads: int = 0
    beam_size: int = 5
    hypotheses: int = 0
    batch_size: int = 0
    lanes: int = 0
    cache_dir: Path | None = None
