"""Live speakers on this machine: the number transcribed within a second, and the cost of each.

Every client says the shipped sentences in real time, 1.2 s apart. They go as PCM through a live
track's segmenter and the server's queue.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np

from asr.loading import load_whisper
from asr.local_queue import LocalQueue
from asr.parallelism import batch_size, lanes
from asr.scheduler import SchedulerSettings
from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE, Transcript, Unheard, Utterance, utterance_id
from asr.whisper import WhisperTranscriber
from asr.windows import Windows
from benchmarks.asr.material import Sentence, Sound, voices
from benchmarks.asr.progress import Run
from benchmarks.rows import Row
from service.listening.segmenter import Segment, Segmenter
from service.listening.vad import webrtc_vad
from service.simulation.word_errors import words

CLIENTS = (1, 2, 4, 8, 16, 24, 32, 40, 64, 100)
_PAUSE_S = 1.2
_CHUNK_S = 0.1
_CHUNK = int(SAMPLE_RATE * _CHUNK_S)
_BAR_S = 1.0
WHOLE = "earshot, 30 s windows"
SHORT = "earshot, windows as short as the model allows"
_CLIENTS_BARS = {WHOLE: 40, SHORT: 100}
_ENOUGH = 2.5
"""Multiple of the bar from which more clients are not tried."""
_DRAIN_S = 6.0
"""Longest wait for transcripts after the last sentence, in seconds."""
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence in a track: its samples from `start` to `end`."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class Client:
    """One speaker's track and the places of its sentences."""

    name: str
    sound: Sound
    spoken: Sequence[Spoken]
    heard: dict[int, tuple[float, str]] = field(default_factory=dict)
    """Seconds from the end of each sentence to its transcript, and the text."""

    def add_text(self, segment: Segment, at_s: float, text: str) -> None:
        """Add a segment's text, which came `at_s` seconds after the track began."""
        for number, sentence in enumerate(self.spoken):
            if segment.start < sentence.end and segment.end > sentence.start:
                self.heard[number] = (at_s - sentence.end / SAMPLE_RATE, text)


@dataclass(frozen=True, slots=True)
class CrowdResult:
    """Result of a number of clients."""

    clients: int
    waits: Sequence[float]
    sentences: int
    exact: int
    cores: float

    def at(self, share: float) -> float:
        """Return a percentile of the waits. A missing sentence counts as an infinite wait."""
        position = int(share * self.sentences)
        return self.waits[position] if position < len(self.waits) else float("inf")


class Crowd(Protocol):
    """Lets a number of clients speak to a server."""

    async def __call__(self, count: int, *, seconds: float) -> CrowdResult: ...


def live(systems: Mapping[str, Crowd], run: Run, *, seconds: float) -> None:
    """Measure each system, ours first, with more and more clients until they wait too long.

    Raises:
        Failed: A server does not start.
    """
    most = dict.fromkeys(systems, 0)
    cores: dict[int, float] = {}
    going = dict(systems)
    for count in CLIENTS:
        for system, crowd in list(going.items()):
            if not run.enough_for(seconds + _DRAIN_S + 2, f"{system}, {count} clients"):
                going.pop(system)
                continue
            found = asyncio.run(crowd(count, seconds=seconds))
            peer = next(iter(systems)) if count in cores else None
            _keep(f"{system}, {count} clients", found, run, peer, cores.get(count))
            cores.setdefault(count, found.cores)
            if found.at(0.95) <= _BAR_S:
                most[system] = count
            if found.at(0.95) > _ENOUGH * _BAR_S:
                going.pop(system)
    for system, clients_ in most.items():
        bar = next((bar for ours, bar in _CLIENTS_BARS.items() if system.endswith(ours)), None)
        name = f"{system}, clients at p95 <= {_BAR_S:g} s"
        run.keep(Row(name, clients_, "clients", bar, least=True))


def _keep(
    name: str, found: CrowdResult, run: Run, peer: str | None, peer_cores: float | None
) -> None:
    exact = 100 * found.exact / found.sentences
    for share in (0.5, 0.95):
        wait = found.at(share)
        if np.isfinite(wait):
            percentile = f"p{round(100 * share)}"
            run.keep(Row(f"{name}, end of speech to transcript, {percentile}", round(wait, 2), "s"))
        else:
            missing = found.sentences - len(found.waits)
            run.say(f"{name}: {missing} of {found.sentences} sentences were not heard in time")
    run.keep(Row(f"{name}, sentences heard exactly", round(exact, 1), "%"))
    ratio = None if peer_cores is None else round(found.cores / peer_cores, 2)
    cores = round(found.cores / found.clients, 4)
    run.keep(Row(f"{name}, cores for a client", cores, "cores", peer=peer, ratio=ratio))


def earshot(model: Path, *, short: bool) -> Crowd:
    """Return our segmenter, queue and transcriber, with windows of 30 s or the model's own."""
    settings = AsrSettings(model=str(model), device="cpu", compute_type="int8")

    async def crowd(count: int, *, seconds: float) -> CrowdResult:
        return await _listen(count, settings, seconds, short=short)

    return crowd


def clients(count: int, seconds: float) -> list[Client]:
    """Return speakers who begin at different times, with `seconds` of whole sentences each."""
    known = voices()
    return [
        _client(f"client-{number}", known[number % len(known)], number, count, seconds)
        for number in range(count)
    ]


def _client(
    name: str, voice: Sequence[Sentence], number: int, count: int, seconds: float
) -> Client:
    pause = np.zeros(int(_PAUSE_S * SAMPLE_RATE), np.int16)
    pieces: list[Sound] = [np.zeros(int(SAMPLE_RATE * 3.0 * number / count), np.int16)]
    spoken: list[Spoken] = []
    at = len(pieces[0])
    turn = number // 4
    while True:
        sentence = voice[turn % len(voice)]
        end = at + len(sentence.sound)
        if end + len(pause) > seconds * SAMPLE_RATE and spoken:
            return Client(name, np.concatenate(pieces), spoken)
        spoken.append(Spoken(sentence.text, at, end))
        pieces += [sentence.sound, pause]
        at = end + len(pause)
        turn += 1


async def _listen(count: int, settings: AsrSettings, seconds: float, *, short: bool) -> CrowdResult:
    speakers = clients(count, seconds)

    def model() -> WhisperTranscriber:
        loaded = load_whisper(settings)
        if not short:
            loaded.windows = Windows()
        return loaded

    queue = LocalQueue(
        model,
        settings=SchedulerSettings(
            capacity=10 * count + 10, batch_size=batch_size(settings), lanes=lanes(settings)
        ),
    )
    await queue.start()
    waiting: dict[str, tuple[Client, Segment]] = {}
    began, spent = time.monotonic(), time.process_time()
    results = asyncio.create_task(_results(queue, waiting, began), name="bench results")
    try:
        await _speak(speakers, queue, waiting, began)
        cores = (time.process_time() - spent) / (time.monotonic() - began)
    finally:
        await queue.close(drain_s=_DRAIN_S)
        await results
    heard = [client.heard[number] for client in speakers for number in client.heard]
    exact = sum(
        words(client.heard[number][1]) == words(sentence.text)
        for client in speakers
        for number, sentence in enumerate(client.spoken)
        if number in client.heard
    )
    sentences = sum(len(client.spoken) for client in speakers)
    return CrowdResult(count, sorted(wait for wait, _ in heard), sentences, exact, cores)


async def _speak(
    speakers: Sequence[Client],
    queue: LocalQueue,
    waiting: dict[str, tuple[Client, Segment]],
    began: float,
) -> None:
    """Feed every track in real time, in steps of a tenth of a second."""
    tracks = [(client, Segmenter(webrtc_vad())) for client in speakers]
    longest = max(len(client.sound) for client in speakers)
    for at in range(0, longest, _CHUNK):
        await asyncio.sleep(max(0.0, began + at / SAMPLE_RATE + _CHUNK_S - time.monotonic()))
        for client, segmenter in tracks:
            for utterance, segment in _segments(client, segmenter, at, longest):
                waiting[utterance.id] = (client, segment)
                queue.put(utterance)


def _segments(
    client: Client, segmenter: Segmenter, at: int, longest: int
) -> Iterator[tuple[Utterance, Segment]]:
    done = segmenter.push(client.sound[at : at + _CHUNK].tobytes())
    if at + _CHUNK >= longest:
        done += segmenter.flush()
    for segment in done:
        started_at = _START + timedelta(seconds=segment.start / SAMPLE_RATE)
        yield (
            Utterance(
                id=utterance_id("bench", client.name, started_at, segment.part),
                room_id="bench",
                speaker_id=client.name,
                started_at=started_at,
                pcm=segment.pcm,
                ended_by=segment.ended_by,
                part=segment.part,
                overlap_ms=segment.overlap_ms,
                languages=("en",),
            ),
            segment,
        )


async def _results(
    queue: LocalQueue, waiting: dict[str, tuple[Client, Segment]], began: float
) -> None:
    async for result in queue.results():
        match result:
            case Transcript():
                client, segment = waiting.pop(result.utterance_id)
                client.add_text(segment, time.monotonic() - began, result.text)
            case Unheard(utterance):
                waiting.pop(utterance.id, None)
