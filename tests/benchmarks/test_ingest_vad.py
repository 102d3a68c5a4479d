from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from benchmarks.asr.material import voices
from benchmarks.asr.progress import Run
from benchmarks.ingest.noises import NOISES
from benchmarks.ingest.vad_table import vad_table


def test_every_condition_has_rows_and_only_the_cascade_has_bars(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "clip.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(voices()[1][0].sound.tobytes())
    with wave.open(str(tmp_path / "a_no_speech.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((1_000 * np.sin(np.arange(32_000) / 3)).astype(np.int16).tobytes())
    run = Run(limit_s=60)
    vad_table(run, tmp_path, sentences=voices()[0][:2], snr_db=(10,))
    rows = {row.name: row for row in run.rows}
    for material in ("voices", "recordings"):
        for noise in (*NOISES, "babble"):
            for way in ("webrtcvad", "Silero", "cascade"):
                missed = rows[f"{material}, {noise} 10 dB, {way}, missed"]
                assert 0 <= missed.value <= 100
                barred = way == "cascade" and noise != "babble"
                assert (missed.bar is not None) is barred
        assert rows[f"{material}, cascade, CPU for a second of sound"].value > 0
    assert rows["a_no_speech, cascade, false"].value == 0


def test_noises_are_reproducible_and_have_the_length_asked_for() -> None:
    for noise in NOISES.values():
        made = noise(20_001)
        assert len(made) == 20_001
        assert np.array_equal(made, noise(20_001))
        assert np.isfinite(made).all()
