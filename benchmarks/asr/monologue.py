"""Time from a grave phrase in the middle of unbroken speech to its alert.

Several speakers talk for 20 s each without a pause, in real time. Somewhere each says one phrase
that breaks a rule. The segmenter, the interim utterances, the queue, the policies and the database
of alerts are the server's. There are no packets, and the words come from the script: the model
decodes every window in its usual time, but the demo model understands single sentences only.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from asr.loading import load_whisper
from asr.local_queue import LocalQueue
from asr.parallelism import batch_size, lanes
from asr.scheduler import SchedulerSettings
from asr.settings import AsrSettings
from asr.speech import SAMPLE_RATE, Transcript, Utterance, Word, utterance_id
from asr.whisper import WhisperTranscriber
from benchmarks.asr.material import Sentence, Sound, voices
from benchmarks.asr.progress import Run
from benchmarks.rows import Row
from policies.load import load_folder
from policies.match import Match
from policies.matcher import Matcher
from policies.packs import demo_packs
from policies.severity import Severity
from policies.spoken import Context, Spoken
from service.alerts.triage import alert_id
from service.clock import utc_now
from service.listening.ear import Ear
from service.listening.interim_schedule import InterimSchedule
from service.listening.segmenter import Segment, Segmenter
from service.listening.vad import webrtc_vad
from service.metrics import Metrics
from service.rooms.listener import Listener
from service.rooms.room import Room, RoomState, Speaker
from service.storage.alerts import SqlAlerts
from service.storage.schema import open_database
from service.verdict.provisional_alerts import ProvisionalAlerts
from service.verdict.recent_matches import Heat
from service.verdict.transcript_matches import TranscriptMatcher

_LONG_S = 20.0
_CHUNK = SAMPLE_RATE // 50
_TOGETHER = 4
_BAR_S = 4.0
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Speech:
    """One speaker's speech.

    Attributes:
        words: Words with their ends, in seconds.
        said_s: End of the phrase, in seconds.
        alerted_s: Time of its alert, in seconds; None: no alert.
    """

    sound: Sound
    words: Sequence[tuple[float, str]]
    said_s: float
    alerted_s: float | None = None


class _Scripted:
    """Transcriber with the model's time, and the script's words in the window as its text."""

    def __init__(
        self, model: WhisperTranscriber, script: Mapping[str, Sequence[tuple[float, str]]]
    ) -> None:
        self._model = model
        self._script = script
        self.model = model.model

    def describe(self) -> str:
        return self._model.describe()

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript]:
        return [self._from_script(one) for one in self._model.transcribe(batch)]

    def _from_script(self, decoded: Transcript) -> Transcript:
        words = self._words(decoded)
        return replace(
            decoded,
            text=" ".join(word.text for word in words),
            words=words
            if decoded.words
            else (),  # the model times parts of a cut and interim utterances
            marks=(),
        )

    def _words(self, decoded: Transcript) -> list[Word]:
        from_s = (decoded.started_at - _START).total_seconds()
        to_s = (decoded.ended_at - _START).total_seconds()
        words: list[Word] = []
        start_ms = 0
        for end_s, text in self._script[decoded.speaker_id]:
            if from_s < end_s <= to_s:
                end_ms = round((end_s - from_s) * 1000)
                words.append(Word(text, start_ms, end_ms, 1.0))
                start_ms = end_ms
        return words


@dataclass(slots=True)
class _Track:
    """An ear for sound that comes as samples."""

    listener: Listener
    speech: _Speech
    segmenter: Segmenter = field(default_factory=lambda: Segmenter(webrtc_vad()))
    interims: InterimSchedule = field(default_factory=InterimSchedule)
    revision: int = 0
    place: tuple[int, int] = (-1, -1)
    ended: dict[str, Utterance] = field(default_factory=dict)

    def interim_utterance(self, position: int) -> Utterance | None:
        """Return an interim utterance up to this sample; None: none is due."""
        if not self.interims.is_due(self.segmenter.open_since, position, self.segmenter.pause_ms):
            return None
        segment = self.segmenter.copy_open_segment()
        assert segment is not None
        place = (segment.onset, segment.part)
        self.revision = self.revision + 1 if place == self.place else 1
        self.place = place
        return self.utterance(segment, self.revision)

    def utterance(self, segment: Segment, revision: int) -> Utterance:
        started_at = _START + timedelta(seconds=segment.start / SAMPLE_RATE)
        room_id, speaker_id = self.listener.key
        return Utterance(
            id=utterance_id(room_id, speaker_id, started_at, segment.part),
            room_id=room_id,
            speaker_id=speaker_id,
            started_at=started_at,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
            revision=revision,
        )


def monologue(directory: Path, run: Run, *, rounds: int) -> None:
    """Measure rounds of four speakers at once and keep the rows."""
    speeches: list[_Speech] = []
    for number in range(rounds):
        if not run.enough_for(_LONG_S + 10, f"monologues, round {number + 1}"):
            break
        speeches += asyncio.run(_round(directory, number))
    if not speeches:
        return
    delays = sorted(one.alerted_s - one.said_s for one in speeches if one.alerted_s is not None)
    name = "a grave phrase in a 20 s monologue to its alert"
    for share in (0.5, 0.95):
        at = int(share * len(speeches))
        if at < len(delays):
            bar = _BAR_S if share > 0.9 else None
            run.keep(Row(f"{name}, p{round(100 * share)}", round(delays[at], 2), "s", bar))
    run.keep(Row(f"{name}, never told", len(speeches) - len(delays), f"of {len(speeches)}", 0))


async def _round(directory: Path, number: int) -> list[_Speech]:
    dice = random.Random(number)
    matcher = Matcher(load_folder(demo_packs()))
    known = [each for each in voices() if any(_is_grave(one, matcher) for one in each)]
    speeches = [_speech(dice, known[at % len(known)], matcher) for at in range(_TOGETHER)]
    settings = AsrSettings(model=str(directory), device="cpu", compute_type="int8")
    script = {f"speaker-{at}": one.words for at, one in enumerate(speeches)}
    queue = LocalQueue(
        lambda: _Scripted(load_whisper(settings), script),
        settings=SchedulerSettings(batch_size=batch_size(settings), lanes=lanes(settings)),
    )
    tracks = {f"speaker-{at}": _track(f"speaker-{at}", one) for at, one in enumerate(speeches)}
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        database = await open_database(f"sqlite:///{folder}/bench.db")
        alerts, reader = SqlAlerts(database), TranscriptMatcher(lambda: matcher)
        provisional = ProvisionalAlerts(
            queue=queue,
            transcripts=reader,
            alerts=alerts,
            heat=Heat(),
            confirm_soon=lambda listener: _again(tracks[listener.speaker.id]),
            metrics=Metrics(),
            clock=utc_now,
        )
        await queue.start()
        began = time.monotonic()

        async def results() -> None:
            async for result in queue.results():
                if not isinstance(result, Transcript):
                    continue
                track = tracks[result.speaker_id]
                if result.provisional:
                    await provisional.judge_interim(result)
                    alerted = await alerts.get(alert_id(result.utterance_id)) is not None
                else:
                    utterance = track.ended[result.utterance_id]
                    provisional.end_utterance(utterance)
                    alerted = bool(reader.match_final(utterance, result, None).live)
                if alerted and track.speech.alerted_s is None:
                    track.speech.alerted_s = time.monotonic() - began

        reading = asyncio.create_task(results(), name="bench results")
        try:
            await _speak(list(tracks.values()), queue, provisional, began)
        finally:
            await queue.close()
            await reading
            await database.close()
    return speeches


async def _speak(
    tracks: Sequence[_Track], queue: LocalQueue, provisional: ProvisionalAlerts, began: float
) -> None:
    longest = max(len(track.speech.sound) for track in tracks)
    for at in range(0, longest, _CHUNK):
        end = at + _CHUNK
        await asyncio.sleep(max(0.0, began + end / SAMPLE_RATE - time.monotonic()))
        for track in tracks:
            for segment in track.segmenter.push(track.speech.sound[at:end].tobytes()):
                utterance = track.utterance(segment, 0)
                track.ended[utterance.id] = utterance
                queue.put(utterance)
            if (interim := track.interim_utterance(end)) is not None:
                provisional.queue_interim(track.listener, interim)


def _again(track: _Track) -> None:
    track.interims.confirm_soon(track.segmenter.position)


def _speech(dice: random.Random, voice: Sequence[Sentence], matcher: Matcher) -> _Speech:
    """Return sentences of one voice without a pause. One of them gravely breaks a rule."""
    grave = [sentence for sentence in voice if _is_grave(sentence, matcher)]
    harmless = [sentence for sentence in voice if not _breaks(sentence, matcher)]
    pause = np.zeros(SAMPLE_RATE // 10, np.int16)
    at_s = dice.uniform(1.0, _LONG_S - 5.0)
    pieces: list[Sound] = []
    said: list[tuple[float, str]] = []
    length, said_s, turn = 0, 0.0, dice.randrange(len(harmless))
    while length < _LONG_S * SAMPLE_RATE:
        due = not said_s and length >= at_s * SAMPLE_RATE
        sentence = dice.choice(grave) if due else harmless[turn % len(harmless)]
        turn += 1
        pieces += [sentence.sound, pause]
        spoken = sentence.text.split()
        said += [
            ((length + len(sentence.sound) * (number + 1) / len(spoken)) / SAMPLE_RATE, word)
            for number, word in enumerate(spoken)
        ]
        length += len(sentence.sound) + len(pause)
        if due:
            said_s = (length - len(pause)) / SAMPLE_RATE
    silence = np.zeros(SAMPLE_RATE, np.int16)
    return _Speech(np.concatenate([*pieces, silence]), said, said_s)


def _breaks(sentence: Sentence, matcher: Matcher) -> Sequence[Match]:
    return matcher.match(Spoken(sentence.text, "en"), Context("", "", None))


def _is_grave(sentence: Sentence, matcher: Matcher) -> bool:
    return any(match.severity.rank >= Severity.HIGH.rank for match in _breaks(sentence, matcher))


def _track(name: str, speech: _Speech) -> _Track:
    room = Room("bench", "Bench", {"kind": "whip"}, ["en"], [], RoomState.LISTENING, _START)
    speaker = Speaker("bench", name, name, "speaker")
    ear = Ear("bench", name, vad=webrtc_vad(), now=_START)
    return _Track(Listener(ear, speaker, room), speech)
