from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.listening.levels import FLOOR_DBFS, dbfs, quietest


def test_no_sound_and_digital_silence_are_the_floor() -> None:
    assert dbfs(b"") == FLOOR_DBFS
    assert dbfs(bytes(640)) == FLOOR_DBFS


def test_a_square_wave_at_full_scale_is_0() -> None:
    assert dbfs(np.full(320, -32768, np.int16).tobytes()) == pytest.approx(0.0)


def test_a_sine_at_half_scale_is_9_db_below() -> None:
    wave = 16384 * np.sin(np.arange(16_000) * 2 * math.pi * 440 / 16_000)
    assert dbfs(wave.astype(np.int16).tobytes()) == pytest.approx(-9.03, abs=0.05)


@given(st.binary(max_size=2_000).map(lambda data: data[: len(data) // 2 * 2]))
def test_any_sound_lies_between_the_floor_and_full_scale(pcm: bytes) -> None:
    assert FLOOR_DBFS <= dbfs(pcm) <= 0.001


@pytest.mark.parametrize(
    ("levels", "at"),
    [
        ([900, 900, 10, 10, 10, 900], 3),
        ([900, 90, 900, 60, 60, 60, 900], 4),
        ([5, 5, 5, 5, 5], 1),
        ([0, 0, 0], 1),
    ],
)
def test_the_quietest_frame_has_quiet_neighbours_on_both_sides(levels: list[int], at: int) -> None:
    assert quietest([np.full(320, level, np.int16).tobytes() for level in levels]) == at
