"""Device, batch size and lanes that a model gets on this machine."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import ctranslate2

from asr.cuda import CudaUnavailable, Placement, prepare_cuda
from asr.settings import AsrSettings

_CUDA_BATCH = 8
_MOST_CPU_LANES = 8
"""A container often sees all cores of its machine, but may use only a few."""


@cache
def choose_device(device: str, compute_type: str, cache_dir: Path | None) -> Placement:
    """Return where the model runs. The search runs once, so that all callers agree.

    Raises:
        CudaUnavailable: CUDA was asked for and cannot be used.
    """
    return prepare_cuda(
        device,
        compute_type,
        count_devices=ctranslate2.get_cuda_device_count,
        cache_dir=cache_dir,
    )


def batch_size(settings: AsrSettings) -> int:
    """Return how many windows a lane gets at once.

    A CPU decodes the windows of a batch one after the other, so a batch of more than one would
    delay all but the last for nothing.
    """
    return settings.batch_size or (_CUDA_BATCH if _device_name(settings) == "cuda" else 1)


def lanes(settings: AsrSettings) -> int:
    """Return how many batches the model decodes at the same time; see docs/decisions/0015."""
    if settings.lanes:
        return settings.lanes
    if _device_name(settings) == "cuda":
        return 1
    return max(1, min(_MOST_CPU_LANES, (os.cpu_count() or 1) // threads(settings)))


def threads(settings: AsrSettings) -> int:
    """Return the CPU threads for each window."""
    return settings.threads or 1


def _device_name(settings: AsrSettings) -> str:
    """Return the device's name; `cpu` where CUDA is unavailable, which loading will report."""
    try:
        return choose_device(settings.device, settings.compute_type, settings.cache_dir).device
    except CudaUnavailable:
        return "cpu"
