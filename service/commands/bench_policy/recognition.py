"""What rules hear in real recognition output: synthetic voices, the micro model, and noise.

The shipped clips, and the demo pack's own examples in three voices where espeak-ng and flite are
installed. The micro model knows 418 words and writes nothing else: noise makes it write others.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from asr.models import MICRO
from asr.settings import AsrSettings
from asr.speech import EndedBy, Utterance
from asr.transcriber import Transcriber
from policies.load import load_folder
from policies.match import Match
from policies.matcher import Matcher
from policies.pack import Pack
from policies.packs import demo_packs
from policies.spoken import Context, Spoken
from policies.tolerance import Tolerance
from service.app import load_model
from service.commands.rows import Row
from service.simulation.render_clips import spoken as render
from service.simulation.script import DEMO_SCRIPT, load_script
from service.simulation.voice import SAMPLE_RATE, Pcm, read_clip, resample
from service.simulation.word_errors import word_errors, words

RECALL_BAR = 0.95
_HZ = 16_000
_NOISES_DB = (None, 20, 10)
"""Clean, and white noise so many dB under the speech."""
_VOICES = ("grace", "mallory", "trudy")
_NEEDS = ("espeak-ng", "flite")
_NOWHERE = Context("room", "speaker")
_START = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Clip:
    """`rule` must match; None: nothing may."""

    text: str
    rule: str | None
    pcm: Pcm


def recognition() -> Iterator[Row]:
    packs = load_folder(demo_packs())
    model = load_model(AsrSettings(model=MICRO, device="cpu"))
    clips = [*_shipped(), *_rendered(packs)]
    near, exact = Matcher(packs), Matcher([_exact(pack) for pack in packs])
    for noise_db in _NOISES_DB:
        heard = [_transcribe(model, _noisy(clip.pcm, noise_db)) for clip in clips]
        errors = sum(
            word_errors(words(clip.text), words(text))
            for clip, text in zip(clips, heard, strict=True)
        )
        total = sum(len(words(clip.text)) for clip in clips)
        sound = "clean" if noise_db is None else f"noise {noise_db} dB under the speech"
        name = f"micro model, {len(clips)} clips, {sound}"
        yield Row(f"{name}: word error rate", round(100 * errors / total, 1), "%")
        bar = RECALL_BAR if noise_db is None else None
        yield Row(f"{name}: violations heard", _recall(near, clips, heard), "", bar, True)
        yield Row(f"{name}: the same, exact layer only", _recall(exact, clips, heard), "")
        yield Row(f"{name}: false alarms", _false(near, clips, heard), "")


def _recall(matcher: Matcher, clips: Sequence[_Clip], heard: Sequence[str]) -> float:
    hits = [
        any(match.rule_id == clip.rule for match in _matches(matcher, text))
        for clip, text in zip(clips, heard, strict=True)
        if clip.rule
    ]
    return round(sum(hits) / len(hits), 3)


def _false(matcher: Matcher, clips: Sequence[_Clip], heard: Sequence[str]) -> int:
    pairs = zip(clips, heard, strict=True)
    return sum(bool(_matches(matcher, text)) for clip, text in pairs if clip.rule is None)


def _matches(matcher: Matcher, text: str) -> list[Match]:
    return [each for each in matcher.match(Spoken(text, "en"), _NOWHERE) if not each.excused_by]


def _exact(pack: Pack) -> Pack:
    """The same without tolerance."""
    rules = []
    for rule in pack.policies:
        groups = {
            name: group.model_copy(update={"tolerance": Tolerance.EXACT})
            for name, group in rule.match.items()
        }
        rules.append(rule.model_copy(update={"match": groups}))
    return pack.model_copy(update={"policies": tuple(rules)})


def _shipped() -> Iterator[_Clip]:
    for _, line in load_script(DEMO_SCRIPT).lines:
        yield _Clip(line.text, line.rule or None, read_clip(line.clip))


def _rendered(packs: Sequence[Pack]) -> Iterator[_Clip]:
    if any(shutil.which(tool) is None for tool in _NEEDS):
        return
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        for pack in packs:
            for rule in pack.policies:
                for wanted, examples in (
                    (rule.id, rule.tests.must_match),
                    (None, rule.tests.must_not_match),
                ):
                    for number, example in enumerate(examples):
                        voice = _VOICES[number % len(_VOICES)]
                        yield _Clip(example.last, wanted, _render(voice, example.last, folder))


def _render(voice: str, text: str, folder: str) -> Pcm:
    plain = " ".join(words(text))
    try:
        return render(voice, plain, Path(folder) / "voice.wav")
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"the voice {voice} could not be rendered") from error


def _noisy(pcm: Pcm, noise_db: int | None) -> Pcm:
    if noise_db is None:
        return pcm
    loud = float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))
    noise = np.random.default_rng(len(pcm)).normal(0.0, loud * 10 ** (-noise_db / 20), len(pcm))
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


def _transcribe(model: Transcriber, pcm: Pcm) -> str:
    sound = resample(pcm, SAMPLE_RATE, _HZ).tobytes()
    utterance = Utterance("u", "room", "speaker", _START, sound, EndedBy.SILENCE)
    (transcript,) = model.transcribe([utterance])
    return transcript.text
