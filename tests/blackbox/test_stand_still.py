"""A server that stands still: what its speakers say meanwhile is heard, or is a gap, and is dated.

Half of the speakers stay connected, as browsers do. The clients of the others give up after
five seconds without a word from the server, and connect anew.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.simulation.script import Line
from tests.blackbox.speech import (
    Record,
    Room,
    Span,
    Voice,
    make_voices,
    record_of,
    talking,
    uncovered_s,
)
from tests.e2e.following import Followed, following
from tests.e2e.resources import metrics
from tests.server import Server

pytestmark = pytest.mark.anyio

_BETWEEN_S = 2.0
"""Time from the script's start to the first stop, and from the end of a stop to the next."""
_AFTER_S = 3.0
"""Time in which lines begin after the last stop."""
_EXACT_S = 0.5
_LEAD_S = 0.4
"""Sound before the first word that belongs to an utterance."""
_PATIENCE_S = 30.0


@pytest.mark.parametrize("stops_s", [[2, 12], pytest.param([30], marks=pytest.mark.drill)])
async def test_what_is_said_to_a_stopped_server_is_heard_or_a_gap(
    tmp_path: Path, stops_s: Sequence[int]
) -> None:
    end_s = len(stops_s) * _BETWEEN_S + sum(stops_s)
    voices = make_voices(until_s=end_s + _AFTER_S, giving_up=("mallory", "walt"))
    with Server(tmp_path / "data") as server:
        async with following(server) as followed, talking(server, voices) as room:
            process = server.process
            assert process is not None
            at_s = 0.0
            for stopped_s in stops_s:
                await room.until(at_s := at_s + _BETWEEN_S)
                process.send_signal(signal.SIGSTOP)
                await room.until(at_s := at_s + stopped_s)
                process.send_signal(signal.SIGCONT)
            for voice in voices:
                await _until_all_is_on_record(followed, room, voice)
                record = record_of(followed, room, voice.speaker.id)
                said = room.said(voice)
                _check_alerts(record, said, voice.spans)
                _check_dates(record, said)
                _check_nothing_is_double(record)
        with server.client() as client:
            counted = metrics(client.get("/metrics").text)
        log = [json.loads(line) for line in server.log_file.read_text().splitlines()]
    told_s = [line["seconds"] for line in log if line["event"] == "ears.stood_still"]
    assert [seconds for seconds in told_s if seconds > 1.9] == pytest.approx(stops_s, abs=0.5)
    stood_still_s = counted['earshot_stood_still_seconds_total{cause="stopped"}']
    assert stood_still_s >= sum(stops_s) - 0.5
    behind_s = [event["behind_s"] for event in followed.of("overload.changed")]
    assert all(seconds < max(stops_s) / 2 for seconds in behind_s)  # a busy machine may be behind


async def _until_all_is_on_record(followed: Followed, room: Room, voice: Voice) -> None:
    """Wait until every line is heard or a gap, to half a second."""
    await room.until(voice.spans[-1][1] + 1)

    def missing() -> Sequence[tuple[str, float]]:
        record = record_of(followed, room, voice.speaker.id)
        covers = [span for span, _ in [*record.heard, *record.gaps]]
        lines = [(line.text, uncovered_s(span, covers)) for span, line in room.said(voice)]
        return [(text, left_s) for text, left_s in lines if left_s > _EXACT_S]

    try:
        await followed.until(lambda: not missing(), _PATIENCE_S)
    except TimeoutError:
        pytest.fail(f"{voice.speaker.id}: neither heard nor a gap, in seconds: {missing()}")


def _check_alerts(
    record: Record, said: Sequence[tuple[Span, Line]], scripted: Sequence[Span]
) -> None:
    """Every line that was sent and heard whole, and breaks a rule, raised or repeated its alert.

    A client that came back in the middle of a line sent only the rest of it.
    """
    gaps = [span for span, _ in record.gaps]
    raised = {rule for _, rule in record.alerts}
    for (span, line), (first_s, last_s) in zip(said, scripted, strict=True):
        sent_s = span[1] - span[0]
        whole = sent_s > last_s - first_s - _EXACT_S and uncovered_s(span, gaps) >= sent_s
        assert not (whole and line.alerts) or line.rule in raised, line.text


def _check_dates(record: Record, said: Sequence[tuple[Span, Line]]) -> None:
    """Words and alerts have the time at which they were said."""
    texts: dict[str, list[float]] = {line.text: [] for _, line in said}
    rules: dict[str, list[float]] = {line.rule: [] for _, line in said}
    for (first, _), line in said:
        texts[line.text].append(first)
        rules[line.rule].append(first)
    for dated, times in [
        *((each, texts.get(each[1], [])) for each in record.heard),
        *((each, rules.get(each[1], [])) for each in record.alerts),
    ]:
        (first, _), what = dated
        if times:  # else it is part of a line, whose rest fell into a gap
            off_s = min(abs(first + _LEAD_S - at) for at in times)
            assert off_s <= _EXACT_S, f"{what} at {first:.2f}, not {times}"


def _check_nothing_is_double(record: Record) -> None:
    heard = [span for span, _ in record.heard]
    for number, span in enumerate(heard):
        others = [*heard[:number], *heard[number + 1 :], *(gap for gap, _ in record.gaps)]
        twice_s = span[1] - span[0] - uncovered_s(span, others)
        assert twice_s <= _EXACT_S, f"{record.heard[number]} is on record twice"
