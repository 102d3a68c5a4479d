"""Matches in real recognition output: synthetic voices, the micro model, and noise.

The clips are the shipped ones and, where espeak-ng and flite are installed, the examples of the
demo pack in three voices. The micro model knows 418 words: under noise it writes others of them.
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
from asr.speech import EndedBy, Transcript, Utterance
from asr.transcriber import Transcriber
from benchmarks.rows import Row
from policies.load import load_folder
from policies.matcher import Matcher
from policies.pack import Pack
from policies.packs import demo_packs
from policies.spoken import Context, Spoken
from policies.tolerance import Tolerance
from service.roles.transcription import load_model
from service.simulation.render_clips import synthesize
from service.simulation.script import DEMO_SCRIPT, load_script
from service.simulation.voice import SAMPLE_RATE, Pcm, read_clip, resample
from service.simulation.word_errors import word_errors, words

RECALL_BAR = 0.95
_HZ = 16_000
_NOISES_DB = (None, 20, 15, 10, 5)
"""Levels of white noise, in dB under the speech; None for clean sound."""
_HYPOTHESES = 4
"""Hypotheses that the default beam gives."""
_VOICES = ("grace", "mallory", "trudy")
_NEEDS = ("espeak-ng", "flite")
_NOWHERE = Context("room", "speaker")
_START = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Clip:
    """A sentence in sound. `rule` must match; None: no rule may."""

    text: str
    rule: str | None
    pcm: Pcm


def recognition() -> Iterator[Row]:
    """Measure all clips clean, and those that the model then gets right also under rising noise.

    The model turns a sentence outside its grammar into another sentence. No comparison of sounds
    can mend that, but further readings may: the rows on all clips show it.
    """
    packs = load_folder(demo_packs())
    model = load_model(AsrSettings(model=MICRO, device="cpu", hypotheses=_HYPOTHESES))
    clips = [*_shipped(), *_rendered(packs)]
    heard = [_transcribe(model, clip.pcm) for clip in clips]
    right = [
        clip
        for clip, transcript in zip(clips, heard, strict=True)
        if words(clip.text) == words(transcript.text)
    ]
    name = f"micro model, all {len(clips)} clips, clean"
    yield Row(f"{name}: heard word for word", len(right), "")
    near = Matcher(packs)
    further = Matcher([_changed(pack, hypotheses=_HYPOTHESES) for pack in packs])
    yield from _rows(name, near, clips, heard)
    yield from _rows(f"{name}, {_HYPOTHESES} further readings", further, clips, heard)
    exact = Matcher([_exact(pack) for pack in packs])
    for noise_db in _NOISES_DB:
        heard = [_transcribe(model, _noisy(clip.pcm, noise_db)) for clip in right]
        name = f"micro model, {len(right)} clips, {_sound(noise_db)}"
        yield Row(f"{name}: word error rate", _error_rate(right, heard), "%")
        yield from _rows(name, near, right, heard, RECALL_BAR)
        yield from _rows(f"{name}, exact layer only", exact, right, heard)


def _rows(
    name: str,
    matcher: Matcher,
    clips: Sequence[_Clip],
    heard: Sequence[Transcript],
    bar: float | None = None,
) -> Iterator[Row]:
    found = [_rules(matcher, transcript) for transcript in heard]
    pairs = list(zip(clips, found, strict=True))
    hits = [clip.rule in rules for clip, rules in pairs if clip.rule]
    alarmed = sum(bool(rules) for clip, rules in pairs if clip.rule is None)
    yield Row(f"{name}: violations heard", round(sum(hits) / len(hits), 3), "", bar, True)
    yield Row(f"{name}: others that raise an alarm", alarmed, "")


def _rules(matcher: Matcher, heard: Transcript) -> set[str]:
    spoken = Spoken(heard.text, "en", hypotheses=heard.hypotheses)
    matches = matcher.match(spoken, _NOWHERE)
    return {match.rule_id for match in matches if not match.excused_by}


def _sound(noise_db: int | None) -> str:
    return "clean" if noise_db is None else f"noise {noise_db} dB under the speech"


def _error_rate(clips: Sequence[_Clip], heard: Sequence[Transcript]) -> float:
    pairs = [(words(clip.text), words(one.text)) for clip, one in zip(clips, heard, strict=True)]
    errors = sum(word_errors(said, written) for said, written in pairs)
    return round(100 * errors / sum(len(said) for said, _ in pairs), 1)


def _exact(pack: Pack) -> Pack:
    """Return a pack with exact phrases only."""
    return _changed(pack, tolerance=Tolerance.EXACT)


def _changed(
    pack: Pack, *, hypotheses: int = 0, tolerance: Tolerance = Tolerance.BY_LENGTH
) -> Pack:
    rules = []
    for rule in pack.policies:
        groups = {
            name: group.model_copy(update={"tolerance": tolerance})
            for name, group in rule.match.items()
        }
        rules.append(rule.model_copy(update={"match": groups, "hypotheses": hypotheses}))
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
        return synthesize(voice, plain, Path(folder) / "voice.wav")
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"the voice {voice} could not be rendered") from error


def _noisy(pcm: Pcm, noise_db: int | None) -> Pcm:
    if noise_db is None:
        return pcm
    loud = float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))
    noise = np.random.default_rng(len(pcm)).normal(0.0, loud * 10 ** (-noise_db / 20), len(pcm))
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


def _transcribe(model: Transcriber, pcm: Pcm) -> Transcript:
    sound = resample(pcm, SAMPLE_RATE, _HZ).tobytes()
    utterance = Utterance("u", "room", "speaker", _START, sound, EndedBy.SILENCE)
    (transcript,) = model.transcribe([utterance])
    return transcript
