"""Print a model's transcripts of WAV files, as JSON: `{file: [each distinct transcript]}`.

    python judge.py MODEL_DIR WAV_DIR

It is a program of its own, beside `render_clips`, because the simulation must not import a model.
Each file (16 kHz mono int16) is decoded greedily and with beam 5, with and without timestamps, in
the shortest window that holds it. Files with a name in `-30s.wav` get a whole window of 30 s.
"""

from __future__ import annotations

import json
import sys
import wave
from collections import defaultdict
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

Mel = NDArray[np.float32]

_WINDOWS = (500, 1000, 3000)  # frames of 10 ms
_BATCH = 16


def main(model_dir: str, wav_dir: str) -> None:
    model = WhisperModel(model_dir, device="cpu", cpu_threads=1, local_files_only=True)
    tokenizer = Tokenizer(model.hf_tokenizer, False)
    heard: dict[str, set[str]] = defaultdict(set)
    for window, paths in _by_window(Path(wav_dir)).items():
        for at in range(0, len(paths), _BATCH):
            batch = paths[at : at + _BATCH]
            mels = np.stack([_mel(model, path, window) for path in batch])
            for texts in _readings(model, tokenizer, mels):
                for path, text in zip(batch, texts, strict=True):
                    heard[path.name].add(text)
    json.dump({name: sorted(texts) for name, texts in heard.items()}, sys.stdout)


def _by_window(folder: Path) -> dict[int, list[Path]]:
    windows: dict[int, list[Path]] = {window: [] for window in _WINDOWS}
    for path in sorted(folder.glob("*.wav")):
        with wave.open(str(path)) as file:
            frames = 3000 if path.name.endswith("-30s.wav") else file.getnframes() // 160 + 1
        windows[min(window for window in _WINDOWS if window >= frames)].append(path)
    return windows


def _mel(model: WhisperModel, path: Path, window: int) -> Mel:
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    sound = np.zeros(window * 160, np.float32)
    sound[: len(pcm)] = pcm / np.float32(32768)
    mel: Mel = model.feature_extractor(sound, padding=0)[:, :window]
    return mel


def _readings(model: WhisperModel, tokenizer: Tokenizer, mels: Mel) -> list[list[str]]:
    encoded = model.model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mels)))
    readings = []
    for beam in (1, 5):
        for untimed in (False, True):
            prompt = model.get_prompt(tokenizer, [], without_timestamps=untimed)
            results = model.model.generate(encoded, [prompt] * len(mels), beam_size=beam)
            readings.append(
                [tokenizer.decode(result.sequences_ids[0]).strip() for result in results]
            )
    return readings


if __name__ == "__main__":
    main(*sys.argv[1:])
