"""Speech lost on bad networks, and its word error rate, compared with stock aiortc.

Each speaker publishes the same packets to both sides at once, over two connections of the same
kind; a network drops the same packets of both. The demo model transcribes the utterances.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from asr.loading import load_whisper
from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE, Utterance, utterance_id
from asr.transcriber import Transcriber
from benchmarks.asr.progress import Run
from benchmarks.ingest.far_end import far_end
from benchmarks.ingest.material import LEAD_S, SENTENCES, TAIL_S, Said, sentences
from benchmarks.ingest.network import NETWORKS, Network, lost_share, through
from benchmarks.ingest.ours import ours
from benchmarks.ingest.recording_decoder import RecordingDecoder
from benchmarks.ingest.stock import stock
from benchmarks.rows import Row
from service.listening.events import AudioGap
from service.listening.segmenter import Segment, Segmenter
from service.listening.vad import webrtc_vad
from service.simulation.word_errors import word_errors, words

SPEAKERS = 8
STOCK = "stock aiortc"
LOST_BAR = 1.0
"""Most speech lost, in percent, on the network `_BARRED`."""
WORDS_BAR = 3.0
"""Most word error rate above that without loss, in percentage points, on `_BARRED`."""
_BARRED = "5% random loss"
_SEED = 8
_SETTLE_S = 2.0
_CONNECT_S = 6.0
_WORDS_S = 15.0
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Side:
    """Result of one side.

    Attributes:
        lost: Percent of the speech that arrived neither by itself nor as a copy in a later packet.
        errors: Word error rate in percent.
    """

    lost: float
    errors: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one network.

    Attributes:
        dropped: Percent of the packets of speech that the network dropped.
        gaps: Gaps that the server reported.
    """

    dropped: float
    ours: Side
    stock: Side
    gaps: Sequence[AudioGap]


async def loss(run: Run) -> None:
    """Rows for each network and side."""
    model = load_whisper(AsrSettings(model="micro", device="cpu"))
    clean: Side | None = None
    for network in NETWORKS:
        expected_s = sentences(0).script.seconds + _SETTLE_S + _CONNECT_S + _WORDS_S
        if not run.enough_for(expected_s, network.name):
            break
        run.say(f"{network.name}: {SPEAKERS} speakers, {SENTENCES} sentences each")
        said = {f"speaker-{number}": sentences(number) for number in range(SPEAKERS)}
        outcome = await measure(network, model, said)
        clean = clean or outcome.ours
        _keep(run, network, outcome, clean)


def _keep(run: Run, network: Network, outcome: Outcome, clean: Side) -> None:
    name, barred = network.name, network.name == _BARRED
    run.keep(Row(f"{name}, speech dropped by the network", round(outcome.dropped, 2), "%"))
    for kind, bar, own, other in (
        ("speech lost", LOST_BAR if barred else None, outcome.ours.lost, outcome.stock.lost),
        ("word error rate", None, outcome.ours.errors, outcome.stock.errors),
    ):
        ratio = round(own / other, 3) if other else None
        peer = STOCK if other else None
        run.keep(Row(f"{name}, {kind}, ours", round(own, 2), "%", bar, peer=peer, ratio=ratio))
        run.keep(Row(f"{name}, {kind}, {STOCK}", round(other, 2), "%"))
    if barred:
        more = round(outcome.ours.errors - clean.errors, 2)
        run.keep(Row(f"{name}, word error rate above no loss, ours", more, "points", WORDS_BAR))
    if network.outage_s:
        gaps_s = sum((gap.to_at - gap.from_at).total_seconds() for gap in outcome.gaps)
        run.keep(Row(f"{name}, reported as gaps by ours", round(gaps_s, 1), "s in all"))


async def measure(network: Network, model: Transcriber, said: Mapping[str, Said]) -> Outcome:
    """Send each speaker's packets through the network to both sides, and compare the results."""
    came = {
        name: through(network, one.script, lead_s=LEAD_S, tail_s=TAIL_S, seed=_SEED + number)
        for number, (name, one) in enumerate(said.items())
    }
    decoders = {name: RecordingDecoder(one.script) for name, one in said.items()}
    cutters = {name: _Cutter(name) for name in said}
    async with (
        far_end() as end,
        ours(decoders.__getitem__) as own,
        stock(lambda name: cutters[name].push) as other,
    ):
        for name, script in came.items():
            await end.load_script(name, script)
        await asyncio.gather(
            *(
                end.call(name, _spread(number), partial(side.answer, name))
                for number, name in enumerate(said)
                for side in (own, other)
            )
        )
        await end.play()
        await asyncio.sleep(max(script.seconds for script in came.values()) + _SETTLE_S)
        gaps = await own.gaps()
        heard = {name: _sequences(one, other.heard.get(name, set())) for name, one in said.items()}
    cut = [utterance for cutter in cutters.values() for utterance in cutter.finish()]
    dropped = [lost_share(one.script, came[name], one.speech) for name, one in said.items()]
    return Outcome(
        dropped=100 * sum(dropped) / len(dropped),
        ours=Side(
            _lost(said, {name: decoders[name].heard for name in said}),
            _errors(said, own.utterances, model),
        ),
        stock=Side(_lost(said, heard), _errors(said, cut, model)),
        gaps=gaps,
    )


class _Cutter:
    """Cuts the samples of `recv()` into utterances with the server's segmenter."""

    def __init__(self, speaker: str) -> None:
        self._speaker = speaker
        self._segmenter = Segmenter(webrtc_vad())
        self._cut: list[Utterance] = []

    def push(self, pcm: bytes) -> None:
        self._cut += map(self._utterance, self._segmenter.push(pcm))

    def finish(self) -> list[Utterance]:
        return [*self._cut, *map(self._utterance, self._segmenter.flush())]

    def _utterance(self, segment: Segment) -> Utterance:
        started_at = _START + timedelta(seconds=segment.start / SAMPLE_RATE)
        return Utterance(
            id=utterance_id("bench", self._speaker, started_at, segment.part),
            room_id="bench",
            speaker_id=self._speaker,
            started_at=started_at,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
        )


def _spread(speaker: int) -> float:
    """Return a delay, in seconds, so that speakers do not send at the same instant."""
    return speaker * 0.618 % 1.0 * 0.02


def _sequences(said: Said, times: set[int]) -> set[int]:
    return {cue.sequence for cue in said.script.cues if cue.timestamp in times}


def _lost(said: Mapping[str, Said], heard: Mapping[str, set[int]]) -> float:
    """Return the percentage of the packets of speech that were not decoded."""
    lost = sum(len(one.speech - heard[name]) for name, one in said.items())
    return 100 * lost / sum(len(one.speech) for one in said.values())


def _errors(said: Mapping[str, Said], cut: Sequence[Utterance], model: Transcriber) -> float:
    """Return the word error rate over all speakers, in percent."""
    heard: defaultdict[str, list[str]] = defaultdict(list)
    for utterance in sorted(cut, key=lambda one: one.started_at):
        [transcript] = model.transcribe([replace(utterance, languages=("en",))])
        heard[utterance.speaker_id] += words(transcript.text)
    errors = sum(word_errors(words(one.text), heard[name]) for name, one in said.items())
    return 100 * errors / sum(len(words(one.text)) for one in said.values())
