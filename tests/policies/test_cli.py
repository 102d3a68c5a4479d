from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from policies.cli import policy
from service.commands.policy import policy as earshot_policy
from tests.policies.writing import HEADER, pack_text, rule_text


def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
    clean = {"EARSHOT_POLICY_DIR": None, "EARSHOT_CORPUS_DIR": None} | dict(env or {})
    return CliRunner().invoke(policy, [str(each) for each in arguments], env=clean)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(pack_text())
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    header = HEADER.replace("written", "bad")
    path.write_text(pack_text(rule_text(severity="", id="id: other"), header=header))
    return path


def test_a_good_pack_is_checked_with_0(good: Path) -> None:
    result = run("check", good)
    assert result.exit_code == 0
    assert result.stdout == f"{good}: pack written 1.0.0 is fine: 1 rules, 6 examples hold\n"


def test_a_bad_pack_is_checked_with_1_and_its_errors(good: Path, bad: Path) -> None:
    result = run("check", good, bad)
    assert result.exit_code == 1
    assert result.stderr == f"{bad}:7 policies[0].severity: is missing; add it\n"
    assert result.stdout == ""


def test_a_folder_is_checked_as_a_whole(good: Path, bad: Path) -> None:
    assert run("check", good.parent).exit_code == 1
    bad.unlink()
    assert run("check", good.parent).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "/no/such/file.yaml"],
        ["check", "--no-such-option"],
        ["match"],
        ["match", "--text", "x", "--language", "fr"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_the_examples_are_tried_rule_by_rule(good: Path) -> None:
    result = run("test", good)
    assert result.exit_code == 0
    assert result.stdout == (
        "written/scam-codes: 3 examples match and 3 do not, as expected\n6 examples, 0 failed\n"
    )


def test_an_example_that_fails_exits_with_1(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    tests = "tests: {must_match: [your card number, a, b], must_not_match: [c, d, e]}"
    path.write_text(pack_text(rule_text(tests=tests)))
    result = run("test", path)
    assert result.exit_code == 1
    assert result.stderr.count("does not match") == 2


def test_a_text_is_matched(good: Path) -> None:
    result = run("match", "--packs", good, "--text", "so, Read me THE code!")
    assert result.exit_code == 0
    assert result.stdout == (
        "high non_violent_crimes written/scam-codes at 4-20: "
        "heard “Read me THE code”: Asking for codes\n"
    )


def test_a_text_that_nothing_applies_to_says_so(good: Path) -> None:
    for language in ("en", "zh"):
        result = run("match", "--packs", good, "--text", "hello", "--language", language)
        assert (result.exit_code, result.stdout) == (0, "no rule applies\n")


def test_without_paths_the_operator_s_folder_is_taken_or_the_shipped_one(good: Path) -> None:
    env = {"EARSHOT_POLICY_DIR": str(good.parent)}
    assert "pack written 1.0.0" in run("check", env=env).stdout
    assert "read me the code" in run("match", "--text", "read me the code", env=env).stdout
    assert "pack written" not in run("check").stdout


def test_the_service_has_the_same_commands() -> None:
    context = click.Context(earshot_policy)
    for name, command in policy.commands.items():
        assert name == "backtest" or earshot_policy.get_command(context, name) is command
    assert earshot_policy.list_commands(context) == sorted({*policy.commands, "report"})
    assert sorted(policy.commands) == ["backtest", "check", "explain", "match", "test"]


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "policies", "check", "--help"], capture_output=True, check=True
    )
    assert b"python -m policies check" in done.stdout


NEAR = (
    "match: {ask: {phrases: {en: [read me]}}, secret: {phrases: {en: [card number]}}}\n"
    "    when: {near: {groups: [ask, secret], within_words: 4}}\n"
    "    context: {utterances: 2}\n"
    "    except: {negation: 3}\n"
    "    scope: {exempt_roles: [host], tags: [public]}\n"
    "    status: shadow"
)
NEAR_TESTS = (
    "tests: {must_match: [{text: read me your card number, tags: [public]},"
    " {turns: [read me, card number], tags: [public]},"
    " {text: card number read me, tags: [public]}],"
    " must_not_match: [read me, card number, read me your card number]}"
)


@pytest.fixture
def near(tmp_path: Path) -> Path:
    path = tmp_path / "near.yaml"
    path.write_text(pack_text(rule_text(match=NEAR, tests=NEAR_TESTS)))
    return path


def test_a_sentence_has_a_speaker_a_room_and_what_came_before(near: Path) -> None:
    def matched(*more: str) -> str:
        return run("match", "--packs", near, "--text", "card number", *more).stdout

    before = ("--before", "so read me", "--tag", "public")
    assert matched(*before) == (
        "high non_violent_crimes written/scam-codes [shadow] at 0-11: "
        "heard “card number”, after “read me”: Asking for codes\n"
    )
    assert matched(*before[:2]) == "no rule applies\n"
    assert matched(*before, "--role", "host") == "no rule applies\n"


def test_a_sentence_is_explained(near: Path) -> None:
    result = run("explain", "--packs", near, "--text", "never read me your card number")
    assert result.exit_code == 0
    assert "rule written/scam-codes (shadow): does not apply here\n" in result.stdout
    assert "negated by “never”" in result.stdout
    assert "out of scope: the room has none of its tags" in result.stdout


def test_another_reading_is_tried_if_it_is_given(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "further.yaml"
    path.write_text(pack_text(rule_text(cooldown="hypotheses: 1")))
    arguments = ["--text", "ready the cold", "--or", "read me the code"]
    assert "which may be “read me the code”" in run("match", "--packs", path, *arguments).stdout
    assert run("match", "--packs", good, *arguments).stdout == "no rule applies\n"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.jsonl"
    lines = ["read me the code", "hello", "read me the card number"]
    path.write_text("".join(f'{{"text": "{line}", "seconds": 60}}\n' for line in lines))
    return path


def test_drafts_are_run_over_what_was_said(good: Path, talk: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yaml"
    match = "match: {words: {phrases: {en: [card number]}}}\n    status: draft"
    tests = NEAR_TESTS.replace("read me, card number, read me your card number", "a, b, c")
    tests = tests.replace(", {text: card number read me, tags: [public]}", ", card number")
    draft.write_text(pack_text(rule_text(match=match, tests=tests)))
    result = run("backtest", draft, "--against", good, "--talk", talk, "--show", "1")
    assert result.exit_code == 0
    assert result.stdout == (
        "3 utterances, 0.05 h of speech\n"
        "rule                before     /h  after     /h  new  gone  changed\n"
        "written/scam-codes       1  20.00      1  20.00    1     1        0\n"
        "2 alerts differ\n"
        "gone     written/scam-codes  - at 0.0 s  heard “read me the code”: Asking for codes\n"
        "... and 1 more\n"
    )


def test_a_line_that_is_no_talk_exits_with_1(good: Path, talk: Path) -> None:
    talk.write_text('{"text": "fine"}\nnot json\n')
    result = run("backtest", good, "--talk", talk)
    assert result.exit_code == 1
    assert f"{talk}:2: is not JSON" in result.stderr


def test_rules_are_held_to_their_budgets_where_there_is_a_corpus(
    good: Path, talk: Path, tmp_path: Path
) -> None:
    result = run("test", good)
    assert "false alarms are not measured" in result.stderr
    kept = run("test", good, env={"EARSHOT_CORPUS_DIR": str(talk.parent)})
    assert kept.exit_code == 0
    assert "1 false alarms in 0.1 h of benign speech in 'en'" in kept.stdout
    tight = tmp_path / "tight.yaml"
    tight.write_text(pack_text(rule_text(cooldown="budget_fa_per_hour: 0.5")))
    over = run("test", tight, "--corpus", talk.parent)
    assert over.exit_code == 1
    assert "written/scam-codes: 20.00 false alarms an hour" in over.stderr
