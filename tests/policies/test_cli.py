from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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
        "written/scam-codes: 3 examples match and 3 do not, as they say\n6 examples, 0 failed\n"
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
    assert earshot_policy is policy
    assert sorted(policy.commands) == ["backtest", "check", "explain", "match", "test"]


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "policies", "check", "--help"], capture_output=True, check=True
    )
    assert b"python -m policies check" in done.stdout
