from __future__ import annotations

import pytest

from asr.parallelism import batch_size, lanes
from asr.settings import AsrSettings


def test_an_unusable_gpu_leaves_the_settings_of_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A device answers, but cuBLAS is missing."""
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr("asr.cuda._load_cublas", lambda finders: False)
    settings = AsrSettings(compute_type="int8_float32")  # not in the cache of `choose_device`
    assert batch_size(settings) == 1
    assert lanes(settings) == lanes(AsrSettings(device="cpu"))
