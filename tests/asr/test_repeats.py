"""Repeated abuse: the demo's violations, said several times without a pause."""

from __future__ import annotations

import pytest

from asr.loading import load_whisper
from asr.settings import AsrSettings
from asr.transcriber import Transcriber
from policies.load import load_folder
from policies.matcher import Matcher
from policies.packs import demo_packs, shipped_packs
from service.simulation.script import DEMO_SCRIPT, Line, load_script
from tests.asr.repeats import (
    Outcome,
    RepeatResult,
    format_table,
    match_repeats,
    repeat_recordings,
    transcribe_track,
)
from tests.listening.hearing import words
from tests.listening.sound import clip_16k

VIOLATIONS = [
    line for speaker in load_script(DEMO_SCRIPT).speakers for line in speaker.lines if line.alerts
]


@pytest.fixture(scope="module", params=[1, 5], ids=["beam 1", "beam 5"])
def micro(request: pytest.FixtureRequest) -> Transcriber:
    return load_whisper(AsrSettings(beam_size=request.param))


@pytest.fixture(scope="module")
def demo() -> Matcher:
    return Matcher(load_folder(demo_packs()))


@pytest.fixture(scope="module")
def shipped() -> Matcher:
    return Matcher(load_folder(shipped_packs()))


def named(line: Line) -> str:
    return line.clip.stem


@pytest.mark.parametrize("line", VIOLATIONS, ids=named)
def test_a_violation_said_again_and_again_is_an_alert(
    micro: Transcriber, demo: Matcher, shipped: Matcher, line: Line
) -> None:
    once_said = words(clip_16k(line.clip.name))
    (once,) = [match_repeats(shipped, transcribe_track(micro, once_said, "en"), line.text, 1)]
    rows: list[RepeatResult] = []
    for times in (2, 4, 6, 8):
        heard = transcribe_track(micro, repeat_recordings([once_said], times), "en")
        rows.append(match_repeats(demo, heard, line.text, times))
        assert line.rule in {match.rule_id for match in rows[-1].matches}, format_table(rows)
        if once.outcome is Outcome.ALERT:
            rows.append(match_repeats(shipped, heard, line.text, times))
    assert all(row.outcome is Outcome.ALERT for row in rows), format_table(rows)


def test_an_insult_that_a_microphone_plays_on_and_on_is_an_alert_with_its_marks(
    demo: Matcher,
) -> None:
    """In a Janus room this sound once got the marks of a loop and raised no alert."""
    pcm = repeat_recordings([clip_16k("trudy-insult.opus")], 6)
    row = match_repeats(
        demo, transcribe_track(load_whisper(AsrSettings()), pcm, "en"), "you are a stupid idiot", 6
    )
    assert row.outcome is Outcome.ALERT
    assert {"repetition", "compression", "spoken"} <= set(row.marks[0])
