"""Utterances per second of processor time: our transcriber beside faster-whisper's methods.

Both run in this process on the same utterances, in turn, each with its own model on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.loading import load_whisper
from asr.parallelism import batch_size
from asr.settings import AsrSettings
from asr.shared_windows import MOST_TOGETHER, Joined, group_utterances
from asr.speech import Utterance
from asr.transcriber import Transcriber, WindowedTranscriber
from asr.windows import Windows
from benchmarks.asr.material import Said
from benchmarks.asr.peers import Peer
from benchmarks.asr.progress import Run
from benchmarks.rows import Row
from service.simulation.word_errors import word_errors, words

WHOLE = "earshot, 30 s windows"
JOINED = "earshot, up to three utterances of a speaker in a 30 s window"
SHORT = "earshot, windows as short as the model allows"
ONE_BY_ONE = "faster-whisper transcribe behind a lock"
BATCHED = "faster-whisper BatchedInferencePipeline"
_BARS = {WHOLE: 1.0, JOINED: 2.0, SHORT: 5.0}
"""Least ratio of each method's rate to that of `ONE_BY_ONE`."""


@dataclass(slots=True)
class _Side:
    """Measurements of one method so far."""

    cpu_s: float = 0.0
    utterances: int = 0
    texts: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.utterances / max(self.cpu_s, 1e-9)

    def time(self, work: Callable[[], list[str]], utterances: int) -> None:
        began = time.process_time()
        self.texts = work()
        self.cpu_s += time.process_time() - began
        self.utterances += utterances


def compare(
    model: str, directory: Path, said: Sequence[Said], run: Run, *, rounds: int, meaning: bool
) -> None:
    """Measure one model and keep the rows.

    Args:
        meaning: Whether the model understands speech, so that word errors can be counted.
    """
    settings = AsrSettings(model=str(directory), device="cpu", compute_type="int8", batch_size=1)
    whole, short = load_whisper(settings), load_whisper(settings)
    whole.windows = Windows()
    peer = Peer(directory, threads=1, beam_size=settings.beam_size)
    sounds = [one.utterance.pcm for one in said]
    size = batch_size(settings)
    turns: dict[str, Callable[[], list[str]]] = {
        WHOLE: lambda: _transcribe(whole, said, size),
        JOINED: lambda: _joined(whole, said) if meaning else _joined_alone(whole, said),
        ONE_BY_ONE: lambda: peer.one_by_one(sounds),
        BATCHED: lambda: [peer.batched(sounds)],
    }
    if short.windows != whole.windows:
        turns[SHORT] = lambda: _transcribe(short, said, size)
    sides = {method: _Side() for method in turns}
    spent = 0.0
    for number in range(rounds):
        if number and not run.enough_for(spent, f"round {number + 1} of {model}"):
            break
        run.say(f"{model}: round {number + 1} of {rounds}, {len(said)} utterances")
        began = time.monotonic()
        for method in list(turns) if number % 2 == 0 else [*turns][::-1]:
            sides[method].time(turns[method], len(said))
        spent = time.monotonic() - began
    _keep(model, said, run, sides, meaning=meaning)


def _transcribe(ours: Transcriber, said: Sequence[Said], size: int) -> list[str]:
    utterances = [one.utterance for one in said]
    return [
        transcript.text
        for at in range(0, len(utterances), size)
        for transcript in ours.transcribe(utterances[at : at + size])
    ]


def _joined(ours: WindowedTranscriber, said: Sequence[Said]) -> list[str]:
    """Transcribe speaker by speaker, three utterances at once."""
    found = {
        transcript.utterance_id: transcript.text
        for utterances in _in_threes(said)
        for transcript in ours.transcribe(utterances, coalesce=True)
    }
    return [found[one.utterance.id] for one in said]


def _joined_alone(ours: Transcriber, said: Sequence[Said]) -> list[str]:
    """Decode shared windows only. The transcriber itself would decode each utterance again, alone:
    a random model writes no times that show where each utterance's words are."""
    for utterances in _in_threes(said):
        for group in group_utterances(utterances, Windows().shortest_holding):
            shared = Joined([utterances[at] for at in group])
            ours.transcribe([replace(utterances[group[0]], pcm=shared.pcm)])
    return []


def _in_threes(said: Sequence[Said]) -> Iterator[list[Utterance]]:
    """Yield up to three utterances of a speaker at a time."""
    by_speaker: dict[str, list[Utterance]] = {}
    for one in said:
        by_speaker.setdefault(one.utterance.speaker_id, []).append(one.utterance)
    for utterances in by_speaker.values():
        for at in range(0, len(utterances), MOST_TOGETHER):
            yield utterances[at : at + MOST_TOGETHER]


def _keep(
    model: str, said: Sequence[Said], run: Run, sides: Mapping[str, _Side], *, meaning: bool
) -> None:
    alone, batched = sides[ONE_BY_ONE], sides[BATCHED]
    unit = "utterances for a second of processor time"
    run.keep(Row(f"{model}, {ONE_BY_ONE}", round(alone.rate, 2), unit))
    run.keep(Row(f"{model}, {BATCHED}", round(batched.rate, 2), unit))
    ours = {method: side for method, side in sides.items() if method in _BARS}
    for method, side in ours.items():
        for peer, other in ((BATCHED, batched), (ONE_BY_ONE, alone)):
            ratio = round(side.rate / other.rate, 3)
            name = f"{model}, {method}, beside {peer}"
            run.keep(Row(name, round(side.rate, 2), unit, peer=peer, ratio=ratio))
        ratio = round(side.rate / alone.rate, 3)
        run.keep(Row(f"{model}, {method} / {ONE_BY_ONE}", ratio, "x", _BARS[method], least=True))
    same = sum(a == b for a, b in zip(sides[WHOLE].texts, alone.texts, strict=True))
    name = f"{model}, {WHOLE}, texts that are not those of {ONE_BY_ONE}"
    run.keep(Row(name, len(said) - same, f"of {len(said)}", 0))
    if meaning:
        spoken = [one.text for one in said]
        for method, side in {**ours, ONE_BY_ONE: alone}.items():
            run.keep(Row(f"{model}, {method}, word error rate", _wer(spoken, side.texts), "%"))
        together = [" ".join(spoken)]
        run.keep(Row(f"{model}, {BATCHED}, word error rate", _wer(together, batched.texts), "%"))


def _wer(said: Sequence[str], texts: Sequence[str]) -> float:
    spoken = [words(text) for text in said]
    errors = sum(word_errors(text, words(other)) for text, other in zip(spoken, texts, strict=True))
    return round(100 * errors / sum(map(len, spoken)), 2)
