from __future__ import annotations

from pathlib import Path

from policies.corpus import find_over_budget, measure_false_alarms, read_corpus
from policies.matcher import Matcher
from policies.severity import Severity
from policies.stored import Stored
from tests.policies.writing import pack, rule

TALK = [
    Stored("r", "s", "en", text, n * 60.0, 1800.0) for n, text in enumerate(["gift card", "hi"])
]


def test_every_match_on_benign_speech_is_a_false_alarm() -> None:
    packs = [pack(rule("high", ["gift card"], severity="high"), rule("low", ["gift", "card"]))]
    measured = measure_false_alarms(Matcher(packs), "en", TALK)
    assert measured.hours == 1.0
    assert (measured.rate(), measured.rate(Severity.HIGH)) == (2.0, 1.0)
    assert measured.by_rule() == {("a-pack", "high"): 1, ("a-pack", "low"): 1}


def test_a_rule_over_its_budget_is_named_with_the_remedy() -> None:
    tight = rule("tight", ["gift card"], budget_fa_per_hour="0.5")
    wide = rule("wide", ["gift card"], budget_fa_per_hour="1")
    packs = [pack(tight, wide, rule("without", ["gift card"]))]
    (over,) = find_over_budget(packs, [measure_false_alarms(Matcher(packs), "en", TALK)])
    assert str(over) == (
        "a-pack/tight: 1.00 false alarms an hour on benign speech in 'en', more than its budget "
        "of 0.5; narrow the rule, or raise budget_fa_per_hour"
    )


def test_a_corpus_is_read_by_language(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "你好"}\n', encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"text": "hello"}\n{"text": "x", "language": "fr"}\n')
    (tmp_path / "other.csv").write_text("not talk")
    said = read_corpus(tmp_path)
    assert {language: [s.text for s in talk] for language, talk in said.items()} == {
        "en": ["hello"],
        "zh": ["你好"],
    }
