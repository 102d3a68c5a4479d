from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from asr.mel import SparseFilters


@pytest.mark.parametrize("mels", [80, 128])
def test_the_features_are_those_of_the_dense_filters(mels: int) -> None:
    dense, sparse = FeatureExtractor(feature_size=mels), FeatureExtractor(feature_size=mels)
    sparse.mel_filters = SparseFilters(dense.mel_filters)
    sound = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    np.testing.assert_allclose(sparse(sound), dense(sound), atol=1e-6)


def test_a_filter_without_bins_returns_zero() -> None:
    dense = np.array([[0, 0, 0], [1, 2, 0], [0, 0, 0], [0, 0, 3]], np.float32)
    power = np.array([[1, 10], [2, 20], [3, 30]], np.float32)
    np.testing.assert_array_equal(SparseFilters(dense) @ power, dense @ power)
