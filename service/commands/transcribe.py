"""`earshot transcribe`: a file, on the same path as a live track."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from asr.local_queue import LocalQueue
from asr.models import MICRO, MICRO_NOTICE
from asr.parallelism import batch_size, lanes
from asr.scheduler import SchedulerSettings
from asr.speech import SAMPLE_RATE, Transcript, Unheard, Utterance, utterance_id
from policies.matcher import Matcher
from service.errors import Failed
from service.listening.segmenter import Segment, Segmenter, SegmenterSettings
from service.listening.silero import load_silero
from service.listening.sound_file import read_sound
from service.listening.vad import webrtc_vad
from service.logs import configure_logs
from service.roles.transcription import load_model
from service.rulebook.folder import load_policies
from service.settings import Settings, load_settings
from service.verdict.transcript_matches import TranscriptMatcher, TranscriptMatches

_ROOM = "file"
_START = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class _Heard:
    utterance: Utterance
    text: str
    reading: TranscriptMatches


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each utterance.")
def transcribe(file: Path, as_json: bool) -> None:
    """Transcribe an audio FILE and show which rules it breaks.

    Prints a line for each utterance, and below it the rules that match.
    """
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    if settings.asr_model == MICRO:
        click.echo(MICRO_NOTICE, err=True)
    for heard in asyncio.run(_transcribe(file, settings)):
        click.echo(json.dumps(_json(heard), ensure_ascii=False) if as_json else _line(heard))


async def _transcribe(file: Path, settings: Settings) -> list[_Heard]:
    loaded = load_policies(settings.policy_dir, demo=settings.asr_model == MICRO)
    matcher = Matcher([each.pack for each in loaded])
    reader = TranscriptMatcher(lambda: matcher)
    utterances = {u.id: u for u in _utterances(file, settings)}
    queue = LocalQueue(
        lambda: load_model(settings.asr()),
        settings=SchedulerSettings(
            capacity=max(1, len(utterances)),
            batch_size=batch_size(settings.asr()),
            lanes=lanes(settings.asr()),
            deadline_s=math.inf,
        ),
    )
    await queue.start()
    for utterance in utterances.values():
        queue.put(utterance)
    await queue.close(drain_s=math.inf)
    return [_read(reader, utterances, result) async for result in queue.results()]


def _read(
    reader: TranscriptMatcher, utterances: dict[str, Utterance], result: Transcript | Unheard
) -> _Heard:
    match result:
        case Unheard(utterance, reason):
            at_s = (utterance.started_at - _START).total_seconds()
            raise Failed(f"the speech at {at_s:.1f} s was not transcribed: {reason}")
        case Transcript():
            utterance = utterances[result.utterance_id]
            return _Heard(utterance, result.text, reader.match_final(utterance, result, None))


def _utterances(file: Path, settings: Settings) -> Iterator[Utterance]:
    pauses = SegmenterSettings(silence_ms=settings.silence_ms)
    segmenter = Segmenter(webrtc_vad(), pauses, load_silero().listen())
    for pcm in read_sound(file):
        yield from _named(file, segmenter.push(pcm))
    yield from _named(file, segmenter.flush())


def _named(file: Path, segments: Iterable[Segment]) -> Iterator[Utterance]:
    for segment in segments:
        started_at = _START + timedelta(seconds=segment.start / SAMPLE_RATE)
        yield Utterance(
            id=utterance_id(_ROOM, file.name, started_at, segment.part),
            room_id=_ROOM,
            speaker_id=file.name,
            started_at=started_at,
            pcm=segment.pcm,
            ended_by=segment.ended_by,
            part=segment.part,
            overlap_ms=segment.overlap_ms,
        )


def _line(heard: _Heard) -> str:
    lines = [f"{_seconds(heard.utterance.started_at):7.2f} s  {heard.text or '(no words)'}"]
    for match in heard.reading.live:
        lines.append(f"{'':11}{match.severity.upper()}  {match.explanation} [{match.rule_id}]")
    return "\n".join(lines)


def _json(heard: _Heard) -> dict[str, Any]:
    return {
        "start_s": _seconds(heard.utterance.started_at),
        "end_s": _seconds(heard.utterance.ended_at),
        "text": heard.text,
        "excerpt": heard.reading.text if heard.reading.live else None,
        "matches": [
            {
                "rule_id": match.rule_id,
                "severity": match.severity,
                "category": match.category,
                "spans": match.spans,
                "explanation": match.explanation,
            }
            for match in heard.reading.live
        ],
    }


def _seconds(at: datetime) -> float:
    return round((at - _START).total_seconds(), 3)
