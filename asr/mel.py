"""Whisper's mel filters without a matrix product.

numpy's product wakes the threads of its BLAS. They then spin for a tenth of a second, waiting for
more work, on cores that the model could use. Each filter covers only a few bins: summing those on
one thread takes two milliseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Power = NDArray[np.float32]


class SparseFilters:
    """Replacement for a dense filter bank on the left of `@`.

    It rounds like a chain of fused multiply-adds: an int8 model may write other words for a
    difference in the last bit.

    Args:
        dense: Weight of each bin in each filter, (mels, bins).
    """

    def __init__(self, dense: NDArray[np.float32]) -> None:
        reached = [np.flatnonzero(weights) for weights in dense]
        most = max(each.size for each in reached)
        self._bins = np.zeros((most, len(dense)), np.int64)
        self._weights = np.zeros((most, len(dense), 1))
        for mel, bins in enumerate(reached):
            self._bins[: bins.size, mel] = bins
            self._weights[: bins.size, mel, 0] = dense[mel, bins]

    def __matmul__(self, power: Power) -> Power:
        """Return the power in each filter, (mels, frames), from each bin's, (bins, frames)."""
        total: Power = np.zeros((self._bins.shape[1], power.shape[1]), np.float32)
        for bins, weights in zip(self._bins, self._weights, strict=True):
            exact = weights * power[bins]  # two factors of 24 bits fit into the 53 of a float64
            exact += total
            total = exact.astype(np.float32)
        return total
