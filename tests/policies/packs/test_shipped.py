from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from policies.checks.inline_tests import example_language
from policies.corpus import find_over_budget, measure_false_alarms, read_corpus
from policies.handbook import README, measure_packs, read_measured, write_handbook
from policies.languages import CODES
from policies.load import load_folder
from policies.match import Action
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.packs import shipped_packs
from policies.severity import Severity
from policies.spoken import Context, Spoken
from policies.taxonomy import Category

PACKS = load_folder(shipped_packs())
RULES = [rule for pack in PACKS for rule in pack.policies]
HARMS = {
    "threats", "self-harm", "child-safety", "hate-harassment", "sexual-content", "scams-fraud",
    "gambling", "privacy", "impersonation",
}  # fmt: skip


def by_id(rule: Rule) -> str:
    return rule.id


def test_there_is_a_pack_for_each_harm() -> None:
    assert {pack.pack for pack in PACKS} == HARMS
    assert all(pack.owner for pack in PACKS)


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_a_rule_has_five_examples_of_each_kind_in_each_language(rule: Rule) -> None:
    for examples in (rule.tests.must_match, rule.tests.must_not_match):
        for language in CODES:
            assert sum(example_language(example) == language for example in examples) >= 5


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_a_rule_names_what_it_is_wrong_about_and_how_often_it_may_be(rule: Rule) -> None:
    assert rule.false_positives
    assert rule.budget_fa_per_hour is not None


@pytest.mark.parametrize("told", [*PACKS, *RULES], ids=lambda told: told.title)
def test_members_can_read_it_in_chinese(told: Pack | Rule) -> None:
    chinese = told.translations.in_language("zh")
    assert chinese is not None
    for text in (chinese.title, chinese.description):
        assert sum("\u4e00" <= char <= "\u9fff" for char in text) >= 2
    assert chinese.description.endswith("。")


def test_self_harm_is_about_help() -> None:
    helping = [rule for rule in RULES if rule.category is Category.SUICIDE_SELF_HARM]
    assert len(helping) >= 3
    for rule in helping:
        assert Action.OFFER_HELP in rule.actions
        assert {*rule.actions} <= {Action.ALERT, Action.QUEUE_REVIEW, Action.OFFER_HELP}


def test_what_members_and_moderators_read_repeats_no_slur() -> None:
    slurs = next(rule for rule in RULES if rule.id == "hate-slurs")
    assert slurs.mask
    words = {phrase for group in slurs.match.values() for phrase in group.phrases.in_language("en")}
    for rule in RULES:
        told = f"{rule.title} {rule.description} {' '.join(rule.false_positives)}".lower().split()
        assert words.isdisjoint(told)
    phrase = slurs.match["words"].phrases.in_language("en")[0]
    (match,) = Matcher(PACKS).match(Spoken(f"a {phrase}", "en"), Context("r", "s"))
    assert phrase not in match.explanation


def test_every_excuse_of_the_packs_is_tried() -> None:
    excusing = [
        rule
        for rule in RULES
        if rule.except_.negation
        or rule.except_.reported_speech
        or rule.except_.allow.in_language("en")
    ]
    assert [rule.id for rule in excusing if not rule.tests.must_excuse] == []


def test_the_readme_is_what_the_packs_say() -> None:
    current = write_handbook(PACKS, read_measured())
    assert README.read_text("utf-8") == current, "run python -m policies.handbook"


SHARED = Path(__file__).parents[4] / "shared" / "data" / "text"
MEASURED = ("benign_meetings_en_dev.jsonl", "benign_chat_zh_dev.jsonl")
"""The talk that the README's rates are of."""
OVER = {
    "benign_calls_zh_dev.jsonl": "four rules are over their budgets",
    "benign_casual_zh_dev.jsonl": "2.05 false alarms an hour at high and above, 2.43 in all",
    "benign_game_en_dev.jsonl": "0.61 false alarms an hour at high and above",
}
"""Kinds of talk on which the packs do not keep the bars yet, and what was measured."""
KINDS = [
    pytest.param(
        path.name,
        marks=[pytest.mark.xfail(strict=True, reason=OVER[path.name])] if path.name in OVER else [],
    )
    for path in sorted(SHARED.glob("benign_*.jsonl"))
]


def folder_of(names: Sequence[str], folder: Path) -> Path:
    """A corpus of these files alone: beside them lies talk that is not benign."""
    for name in names:
        (folder / name).symlink_to(SHARED / name)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not SHARED.is_dir():
        pytest.skip("no test data in ../shared/data/text")
    return folder_of(MEASURED, tmp_path_factory.mktemp("corpus"))


@pytest.mark.no_cover
@pytest.mark.shared
def test_the_rates_in_the_readme_are_those_of_the_corpus(corpus: Path) -> None:
    assert measure_packs(PACKS, corpus) == read_measured(), (
        "run python -m policies.handbook --corpus"
    )


@pytest.mark.no_cover
@pytest.mark.shared
def test_false_alarms_on_ordinary_talk_stay_below_the_bars(corpus: Path) -> None:
    check_bars(corpus)


@pytest.mark.no_cover
@pytest.mark.shared
@pytest.mark.parametrize("kind", KINDS)
def test_false_alarms_stay_below_the_bars_on_each_kind_of_talk(kind: str, tmp_path: Path) -> None:
    check_bars(folder_of([kind], tmp_path))


def check_bars(corpus: Path) -> None:
    matcher = Matcher(PACKS)
    measured = [
        measure_false_alarms(matcher, code, said) for code, said in read_corpus(corpus).items()
    ]
    for benign in measured:
        assert benign.rate(Severity.HIGH) <= 0.5
        assert benign.rate() <= 2.0
    assert list(find_over_budget(PACKS, measured)) == []
