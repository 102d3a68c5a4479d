from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from policies.load import load_folder
from policies.matcher import Matcher
from policies.spoken import Context
from policies.spoken import Spoken as Words
from service.simulation.encoding import encode_speaker
from service.simulation.failed import SimulationFailed
from service.simulation.render_clips import SENTENCES
from service.simulation.script import DEMO_SCRIPT, load_script
from tests.simulation.examples import CLIPS

PACKS = Path(__file__).parents[2] / "policies" / "packs" / "demo"

SPEAKER = "id: ann\n    name: Ann\n    lines:\n"
LINE = f"{{at_s: 1, clip: '{CLIPS}/grace-kind.opus', text: please be kind to each other"


def script(*lines: str, speakers: int = 1) -> str:
    listed = "".join(f"      - {line}\n" for line in lines)
    return "title: T\nspeakers:\n" + f"  - {SPEAKER}{listed}" * speakers


def load(folder: Path, text: str) -> None:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    load_script(path)


def test_the_demo_has_at_least_twenty_lines_in_a_minute_and_eight_to_ten_alerts() -> None:
    demo = load_script(DEMO_SCRIPT)
    assert len(demo.lines) >= 20
    assert 8 <= sum(line.alerts for _, line in demo.lines) <= 10
    assert 50 <= demo.lines[-1][1].at_s <= 65


def test_no_speaker_of_the_demo_breaks_a_rule_twice() -> None:
    demo = load_script(DEMO_SCRIPT)
    broken = Counter((speaker.id, line.rule) for speaker, line in demo.lines if line.alerts)
    assert set(broken.values()) == {1}


def test_every_line_of_the_demo_breaks_exactly_the_rule_it_names() -> None:
    matcher = Matcher(load_folder(PACKS))
    for speaker, line in load_script(DEMO_SCRIPT).lines:
        matches = matcher.match(Words(line.text, "en"), Context("lobby", speaker.id))
        assert [match.rule_id for match in matches] == ([line.rule] if line.alerts else [])


def test_the_demo_plays_every_clip_with_the_words_it_was_rendered_from() -> None:
    played = {line.clip.stem: line.text for _, line in load_script(DEMO_SCRIPT).lines}
    assert played == SENTENCES
    assert {path.stem for path in CLIPS.glob("*.opus")} == set(SENTENCES)


def test_speakers_of_the_demo_sometimes_talk_over_each_other() -> None:
    encoded = [encode_speaker(speaker, until_s=0) for speaker in load_script(DEMO_SCRIPT).speakers]
    spans = sorted((line.first, line.last) for one in encoded for line in one.lines)
    overlaps = [after[0] < before[1] for before, after in zip(spans, spans[1:], strict=False)]
    assert sum(overlaps) >= 3


def test_a_script_may_be_json(tmp_path: Path) -> None:
    line = {"at_s": 1, "clip": str(CLIPS / "grace-kind.opus"), "text": "please be kind"}
    whole = {"title": "T", "speakers": [{"id": "ann", "name": "Ann", "lines": [line]}]}
    path = tmp_path / "script.json"
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert load_script(path).lines[0][1].text == "please be kind"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "script.yaml:1: this is not YAML or JSON"),
        ("", "the whole file: "),
        ("title: T\nspeakers: []", "speakers: "),
        (script(LINE + ", alert: true}"), "speakers.0.lines.0.alert: "),
        (script(LINE + ", rule: x}"), "a line that names a rule needs alerts: true"),
        (script(LINE.replace("at_s: 1", "at_s: -1") + "}"), "speakers.0.lines.0.at_s: "),
        (script(LINE.replace("at_s: 1", "at_s: .nan") + "}"), "speakers.0.lines.0.at_s: "),
        (script(LINE + "}", LINE + "}"), "the line at 1.0 s follows one at 1.0 s"),
        (script(LINE + "}", speakers=2), "the id 'ann' is used twice"),
        (script(LINE.replace("kind.opus", "mind.opus") + "}"), "grace-mind.opus"),
        (script(LINE + "}").replace("id: ann", "id: ../ann"), "speakers.0.id: "),
    ],
)
def test_a_mistake_in_a_script_is_named_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SimulationFailed) as failed:
        load(tmp_path, text)
    assert message in str(failed.value)
    assert "script.yaml" in str(failed.value) or str(tmp_path) in str(failed.value)


def test_all_mistakes_of_a_script_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SimulationFailed) as failed:
        load(tmp_path, script("{at_s: x, clip: a.opus, text: ''}"))
    assert "lines.0.at_s" in str(failed.value)
    assert "lines.0.text" in str(failed.value)


def test_a_missing_script_is_reported_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SimulationFailed, match="cannot be read"):
        load_script(tmp_path / "none.yaml")
