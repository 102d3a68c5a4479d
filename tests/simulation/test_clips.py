from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

from service.simulation.render_clips import MODEL_DIR, SENTENCES, vary_clip
from service.simulation.voice import SAMPLE_RATE, read_clip, resample
from tests.simulation.examples import CLIPS


def test_the_demo_model_transcribes_every_clip_without_an_error(tmp_path: Path) -> None:
    for name in SENTENCES:
        _, call = next(vary_clip(read_clip(CLIPS / f"{name}.opus")))
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(resample(call, SAMPLE_RATE, 16_000).tobytes())
    judge = [sys.executable, str(CLIPS / "judge.py"), str(MODEL_DIR), str(tmp_path)]
    heard = json.loads(subprocess.run(judge, capture_output=True, check=True).stdout)
    assert heard == {f"{name}.wav": [text] for name, text in SENTENCES.items()}
