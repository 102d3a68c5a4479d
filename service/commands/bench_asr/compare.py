"""Utterances for a second of processor time: our transcriber beside faster-whisper's own ways.

Both sides run in this process, on the same utterances, turn by turn, each with a model of its own
on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr.settings import AsrSettings
from asr.transcriber import Transcriber
from asr.whisper import batch_size, load
from service.commands.bench_asr.material import Said
from service.commands.bench_asr.peers import Peer
from service.commands.bench_asr.progress import Run
from service.commands.rows import Row
from service.simulation.word_errors import word_errors, words

ONE_BY_ONE = "faster-whisper transcribe behind a lock"
BATCHED = "faster-whisper BatchedInferencePipeline"
_AT_LEAST = 1.0
_NOISE = 0.95
"""A ratio that should be 1 is that of two measurements on a machine that has other work."""


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
    settings = AsrSettings(model=str(directory), device="cpu", compute_type="int8", threads=1)
    ours = load(settings)
    peer = Peer(directory, threads=1, beam_size=settings.beam_size)
    sounds = [one.utterance.pcm for one in said]
    mine, alone, batched = _Side(), _Side(), _Side()
    size = batch_size(settings)
    spent = 0.0
    for number in range(rounds):
        if number and not run.enough_for(spent, f"round {number + 1} of {model}"):
            break
        run.say(f"{model}: round {number + 1} of {rounds}, {len(said)} utterances")
        began = time.monotonic()
        turns: list[tuple[_Side, Callable[[], list[str]]]] = [
            (mine, lambda: _transcribe(ours, said, size)),
            (alone, lambda: peer.one_by_one(sounds)),
            (batched, lambda: [peer.batched(sounds)]),
        ]
        for side, work in turns if number % 2 == 0 else turns[::-1]:
            side.time(work, len(said))
        spent = time.monotonic() - began
    _keep(model, said, run, (mine, alone, batched), meaning=meaning)


def _transcribe(ours: Transcriber, said: Sequence[Said], size: int) -> list[str]:
    utterances = [one.utterance for one in said]
    return [
        transcript.text
        for at in range(0, len(utterances), size)
        for transcript in ours.transcribe(utterances[at : at + size])
    ]


def _keep(
    model: str,
    said: Sequence[Said],
    run: Run,
    sides: tuple[_Side, _Side, _Side],
    *,
    meaning: bool,
) -> None:
    mine, alone, batched = sides
    unit = "utterances for a second of processor time"
    run.keep(Row(f"{model}, {ONE_BY_ONE}", round(alone.rate, 2), unit))
    run.keep(Row(f"{model}, {BATCHED}", round(batched.rate, 2), unit))
    way = f"{model}, earshot, 30 s windows"
    for peer, side in ((BATCHED, batched), (ONE_BY_ONE, alone)):
        ratio = round(mine.rate / side.rate, 3)
        name = f"{way}, beside {peer}"
        run.keep(Row(name, round(mine.rate, 2), unit, peer=peer, ratio=ratio))
    ratio = round(mine.rate / alone.rate, 3)
    run.keep(Row(f"{way} / {ONE_BY_ONE}", ratio, "x", _AT_LEAST * _NOISE, least=True))
    same = sum(a == b for a, b in zip(mine.texts, alone.texts, strict=True))
    name = f"{way}, texts that are not those of {ONE_BY_ONE}"
    run.keep(Row(name, len(said) - same, f"of {len(said)}", 0))
    if meaning:
        for who, texts in ((way, mine.texts), (f"{model}, {ONE_BY_ONE}", alone.texts)):
            run.keep(Row(f"{who}, word error rate", _wer([one.text for one in said], texts), "%"))
        together = [" ".join(one.text for one in said)]
        run.keep(Row(f"{model}, {BATCHED}, word error rate", _wer(together, batched.texts), "%"))


def _wer(said: Sequence[str], heard: Sequence[str]) -> float:
    spoken = [words(text) for text in said]
    errors = sum(word_errors(text, words(other)) for text, other in zip(spoken, heard, strict=True))
    return round(100 * errors / sum(map(len, spoken)), 2)
