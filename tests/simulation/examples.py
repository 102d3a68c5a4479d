"""Lines, times and events for the tests of the simulation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from service.simulation.encoding import Moment, SentLine
from service.simulation.script import DEMO_SCRIPT, Line, ScriptedSpeaker
from service.simulation.voice import SAMPLE_RATE

STARTED_S = 1000.0
"""Monotonic time at which the script starts in these tests."""
STARTED_AT = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
STARTED = Moment(STARTED_S, STARTED_AT)

CLIPS = DEMO_SCRIPT.parent


def at(seconds: float) -> str:
    """Return the server's time at this second of the script."""
    return (STARTED_AT + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def sent_line(
    text: str, start_s: float, end_s: float, *, speaker: str = "ann", rule: str = ""
) -> SentLine:
    """Make a line that was sent from `start_s` to `end_s` of the script."""
    line = Line(start_s, CLIPS / "none.opus", text, alerts=bool(rule), rule=rule)
    who = ScriptedSpeaker(speaker, speaker.title(), (line,))
    sent = SentLine(who, line, round(start_s * SAMPLE_RATE), round(end_s * SAMPLE_RATE))
    sent.started = Moment(STARTED_S + start_s, STARTED_AT + timedelta(seconds=start_s))
    sent.ended = Moment(STARTED_S + end_s, STARTED_AT + timedelta(seconds=end_s))
    return sent


def transcript(
    text: str, start_s: float, end_s: float, *, speaker: str = "ann", utterance: str = "u1"
) -> dict[str, Any]:
    return {
        "utterance_id": utterance,
        "room_id": "lobby",
        "speaker_id": speaker,
        "started_at": at(start_s),
        "ended_at": at(end_s),
        "text": text,
        "provisional": False,
    }


def alert(
    rule: str, start_s: float, end_s: float, *, speaker: str = "ann", alert_id: str = "a1"
) -> dict[str, Any]:
    return {
        "id": alert_id,
        "room_id": "lobby",
        "speaker_id": speaker,
        "speaker_name": speaker.title(),
        "severity": "high",
        "speech_started_at": at(start_s),
        "speech_ended_at": at(end_s),
        "excerpt": "what was said",
        "repeats": 0,
        "matches": [{"rule_id": rule}],
    }
