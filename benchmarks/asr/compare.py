"""Utterances for a second of processor time: our transcriber beside faster-whisper's own ways.

Both sides run in this process, on the same utterances, turn by turn, each with a model of its own
on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asr.coalesce import MOST, Joined, groups
from asr.settings import AsrSettings
from asr.speech import Utterance
from asr.transcriber import Transcriber, WindowedTranscriber
from asr.whisper import batch_size, load
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
"""How many times `ONE_BY_ONE` each way is to be at least."""


@dataclass(slots=True)
class _Side:
    """What one way of transcribing took so far."""

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
    """Keep the rows of one model.

    Args:
        meaning: Whether the model understands what is said, so that word errors can be counted.
    """
    settings = AsrSettings(model=str(directory), device="cpu", compute_type="int8", batch_size=1)
    whole, short = load(settings), load(settings)
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
    sides = {way: _Side() for way in turns}
    spent = 0.0
    for number in range(rounds):
        if number and not run.enough_for(spent, f"round {number + 1} of {model}"):
            break
        run.say(f"{model}: round {number + 1} of {rounds}, {len(said)} utterances")
        began = time.monotonic()
        for way in list(turns) if number % 2 == 0 else [*turns][::-1]:
            sides[way].time(turns[way], len(said))
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
    """Speaker by speaker, three utterances at once."""
    found = {
        heard.utterance_id: heard.text
        for utterances in _in_threes(said)
        for heard in ours.transcribe(utterances, coalesce=True)
    }
    return [found[one.utterance.id] for one in said]


def _joined_alone(ours: Transcriber, said: Sequence[Said]) -> list[str]:
    """What shared windows cost: nonsense has no times by which it could be told apart, so that the
    transcriber would hear each utterance once more, by itself."""
    for utterances in _in_threes(said):
        for group in groups(utterances, Windows().holding):
            shared = Joined([utterances[at] for at in group])
            ours.transcribe([replace(utterances[group[0]], pcm=shared.pcm)])
    return []


def _in_threes(said: Sequence[Said]) -> Iterator[list[Utterance]]:
    """Up to three utterances of a speaker."""
    by_speaker: dict[str, list[Utterance]] = {}
    for one in said:
        by_speaker.setdefault(one.utterance.speaker_id, []).append(one.utterance)
    for utterances in by_speaker.values():
        for at in range(0, len(utterances), MOST):
            yield utterances[at : at + MOST]


def _keep(
    model: str, said: Sequence[Said], run: Run, sides: Mapping[str, _Side], *, meaning: bool
) -> None:
    alone, batched = sides[ONE_BY_ONE], sides[BATCHED]
    unit = "utterances for a second of processor time"
    run.keep(Row(f"{model}, {ONE_BY_ONE}", round(alone.rate, 2), unit))
    run.keep(Row(f"{model}, {BATCHED}", round(batched.rate, 2), unit))
    ours = {way: side for way, side in sides.items() if way in _BARS}
    for way, side in ours.items():
        for peer, other in ((BATCHED, batched), (ONE_BY_ONE, alone)):
            ratio = round(side.rate / other.rate, 3)
            name = f"{model}, {way}, beside {peer}"
            run.keep(Row(name, round(side.rate, 2), unit, peer=peer, ratio=ratio))
        ratio = round(side.rate / alone.rate, 3)
        run.keep(Row(f"{model}, {way} / {ONE_BY_ONE}", ratio, "x", _BARS[way], least=True))
    same = sum(a == b for a, b in zip(sides[WHOLE].texts, alone.texts, strict=True))
    name = f"{model}, {WHOLE}, texts that are not those of {ONE_BY_ONE}"
    run.keep(Row(name, len(said) - same, f"of {len(said)}", 0))
    if meaning:
        spoken = [one.text for one in said]
        for way, side in {**ours, ONE_BY_ONE: alone}.items():
            run.keep(Row(f"{model}, {way}, word error rate", _wer(spoken, side.texts), "%"))
        together = [" ".join(spoken)]
        run.keep(Row(f"{model}, {BATCHED}, word error rate", _wer(together, batched.texts), "%"))


def _wer(said: Sequence[str], heard: Sequence[str]) -> float:
    spoken = [words(text) for text in said]
    errors = sum(word_errors(text, words(other)) for text, other in zip(spoken, heard, strict=True))
    return round(100 * errors / sum(map(len, spoken)), 2)
