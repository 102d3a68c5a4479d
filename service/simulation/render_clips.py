"""Render the demo's clips, and keep those that the micro model transcribes without an error.

    python -m service.simulation.render_clips

For developers; needs espeak-ng, flite and festival with its voice ked (Debian: espeak-ng flite
festival festvox-kdlpc16k). The demo tests the path of sound, not the model. So a clip is kept only
if the model by itself, in a process of its own, transcribes every variant that `vary_clip` makes
without an error. Three of the four voices are new to the model: its training data had neither these
espeak-ng variants nor festival's ked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

from service.simulation.failed import SimulationFailed
from service.simulation.voice import (
    FRAME,
    SAMPLE_RATE,
    Microphone,
    Pcm,
    audible_range,
    decode_packets,
    read_clip,
    resample,
    write_clip,
)

CLIPS_DIR = Path(__file__).parent / "clips"
MODEL_DIR = Path(__file__).parents[2] / "asr" / "models" / "micro"

Command = Callable[[str, str], list[str]]
"""Makes a program's arguments from a sentence and the path of the WAV to write."""

VOICES: dict[str, Command] = {
    "grace": lambda text, wav: ["espeak-ng", "-v", "en-us+linda", "-s", "150", "-w", wav, text],
    "mallory": lambda text, wav: ["flite", "-voice", "rms", "-t", text, "-o", wav],
    "trudy": lambda text, wav: (
        ["espeak-ng", "-v", "en-us+f4", "-s", "155", "-p", "60", "-w", wav] + [text]
    ),
    "walt": lambda text, wav: (
        ["sh", "-c", 'printf %s "$1" | text2wave -eval "$2" -o "$3"', "sh"]
        + [text, "(voice_ked_diphone)", wav]
    ),
}
SENTENCES = {
    "grace-welcome": "welcome to the room emma",
    "grace-topic": "we are going to talk about music tonight",
    "grace-kind": "please be kind to each other",
    "grace-question": "that is a wonderful question emma",
    "grace-thanks": "thank you so much for joining today",
    "grace-goodbye": "good night everyone see you next week",
    "mallory-jazz": "i love jazz music and rock music",
    "mallory-gift-card": "send me your gift card codes",
    "mallory-verification": "read me the verification code",
    "mallory-returns": "guaranteed returns double your money",
    "mallory-casino": "join the online casino for free spins",
    "trudy-guitar": "i play the guitar and the piano",
    "trudy-soup": "my mother makes the best soup",
    "trudy-phone": "i left my phone at the office",
    "trudy-insult": "you are a stupid idiot",
    "trudy-house": "we are coming to your house tonight",
    "trudy-slur": "don't listen to that quibnak",
    "walt-coffee": "do you want coffee or tea",
    "walt-ticket": "i lost my ticket on the bus",
    "walt-address": "his home address is forty church street",
    "walt-despair": "i don't want to live anymore",
    "walt-password": "what is your bank password",
}
"""Sentences by clip. A clip's name begins with its voice."""

_MARGIN_SAMPLES = SAMPLE_RATE // 5
_LOUDNESS_DBFS, _PEAK_DBFS = -22.0, -2.0
_OFFSETS_MS = (0, 5, 11, 17)
_GAINS = (0.5, 0.8, 1.0, 1.25)
_SILENCES_S = ((0.2, 0.5), (0.3, 0.3), (0.4, 0.5), (0.5, 0.2))


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--out", type=Path, default=CLIPS_DIR, metavar="DIR")
    arguments.add_argument("--model", type=Path, default=MODEL_DIR, metavar="DIR")
    chosen = arguments.parse_args()
    missing = [tool for tool in ("espeak-ng", "flite", "text2wave") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} not found; install espeak-ng, flite and festival")
    misheard = render(chosen.out, chosen.model)
    for name, texts in misheard.items():
        sys.stderr.write(f"{name}: not kept; spoken {SENTENCES[name]!r}, transcribed {texts}\n")
    sys.exit(1 if misheard else 0)


def render(out: Path, model: Path) -> dict[str, list[str]]:
    """Write the good clips to `out`; return the transcripts of the others."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for name, text in SENTENCES.items():
            clip = out / f"{name}.opus"
            write_clip(clip, synthesize(name.partition("-")[0], text, scratch / "voice"))
            for label, pcm in vary_clip(read_clip(clip)):
                _write_wav(scratch / f"{name}+{label}.wav", resample(pcm, SAMPLE_RATE, 16_000))
        heard = _transcribe(model, scratch)
    misheard = {
        name: sorted(heard[name]) for name, text in SENTENCES.items() if heard[name] != {text}
    }
    for name in misheard:
        (out / f"{name}.opus").unlink()
    return misheard


def synthesize(voice: str, text: str, wav: Path) -> Pcm:
    """Synthesize a sentence at an even loudness, with 0.2 s of silence around it."""
    subprocess.run(VOICES[voice](text, str(wav)), check=True, capture_output=True)
    pcm = read_clip(wav)
    start, end = audible_range(pcm)
    sound = pcm[start:end].astype(np.float64) / 32768
    gain = min(
        _ratio(_LOUDNESS_DBFS) / float(np.sqrt(np.mean(sound**2))),
        _ratio(_PEAK_DBFS) / float(np.abs(sound).max()),
    )
    return np.pad((sound * gain * 32767).astype(np.int16), _MARGIN_SAMPLES)


def vary_clip(clip: Pcm) -> Iterator[tuple[str, Pcm]]:
    """Yield 64 variants of a clip as cut out of a call, with names; four have a long window.

    Each is encoded as a publisher does. They differ in their offset within a packet, in loudness,
    and in the silence around the sentence.
    """
    for offset_ms, gain in product(_OFFSETS_MS, _GAINS):
        call = _through_microphone(clip, offset_ms, gain)
        start, end = audible_range(call)
        for number, (before_s, after_s) in enumerate(_SILENCES_S):
            cut = call[start - int(before_s * SAMPLE_RATE) : end + int(after_s * SAMPLE_RATE)]
            window = "-30s" if gain == 1.0 and number == offset_ms % len(_SILENCES_S) else ""
            yield f"{offset_ms}-{gain}-{number}{window}", cut


def _through_microphone(clip: Pcm, offset_ms: int, gain: float) -> Pcm:
    louder = np.clip(clip * gain, -32768, 32767).astype(np.int16)
    call = np.pad(louder, (SAMPLE_RATE + offset_ms * SAMPLE_RATE // 1000, SAMPLE_RATE))
    call = np.pad(call, (0, -len(call) % FRAME))
    microphone = Microphone()
    packets = (microphone.push(call[at : at + FRAME]) for at in range(0, len(call), FRAME))
    return decode_packets((packet for packet in packets if packet is not None), len(call))


def _transcribe(model: Path, folder: Path) -> dict[str, set[str]]:
    """Return the transcripts of each clip's variants, made in a process of its own."""
    judge = [sys.executable, str(CLIPS_DIR / "judge.py"), str(model), str(folder)]
    answer = subprocess.run(judge, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SimulationFailed(f"{judge[1]} could not use the model in {model}: {answer.stderr}")
    heard: dict[str, set[str]] = {name: set() for name in SENTENCES}
    for file, texts in json.loads(answer.stdout).items():
        heard[file.partition("+")[0]].update(texts)
    return heard


def _write_wav(path: Path, pcm: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm.tobytes())


def _ratio(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


if __name__ == "__main__":
    main()
