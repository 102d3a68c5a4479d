"""`earshot policy report` and `backtest`, on a database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from policies.packs import demo_packs
from service.alerts.alert import AlertRaised
from service.clock import utc_now
from service.commands.policy import policy
from service.storage.alerts import SqlAlerts
from service.storage.schema import open_database
from tests.policies.writing import pack_text
from tests.storage.examples import SECOND, a_transcript, an_alert
from tests.storage.test_rule_hits import a_hit, shadow

NOW = utc_now()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str | None]:
    return {
        "EARSHOT_DATA_DIR": str(tmp_path),
        "EARSHOT_POLICY_DIR": None,
        "EARSHOT_DATABASE_URL": None,
    }


@pytest.fixture
def talk(tmp_path: Path) -> None:
    """An alert with a live and a shadow rule, and an utterance that only the shadow rule hit."""

    async def seed() -> None:
        database = await open_database(f"sqlite:///{tmp_path}/earshot.db")
        alerts = SqlAlerts(database)
        heard = a_transcript("u1", NOW - 9 * SECOND, text="read me the code")
        raised = AlertRaised(an_alert(at=NOW - 9 * SECOND))
        await alerts.commit(heard, [raised], [a_hit(), shadow()])
        heard = a_transcript("u2", NOW - 5 * SECOND, text="hello", room_id="other")
        await alerts.commit(heard, [], [shadow()])
        await database.close()

    asyncio.run(seed())


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    path = tmp_path / "draft.yaml"
    path.write_text(pack_text())
    return path


def run(env: dict[str, str | None], *arguments: str | Path) -> Result:
    return CliRunner().invoke(policy, [str(each) for each in arguments], env=env)


@pytest.mark.usefixtures("talk")
def test_the_report_is_a_table_with_shadow_rules_at_its_end(env: dict[str, str | None]) -> None:
    lines = run(env, "report").stdout.splitlines()
    assert "2 utterances" in lines[0]
    assert [line.split()[:6] for line in lines[1:5]] == [
        ["rule", "version", "matches", "shadow", "excused", "review"],
        ["scams/gift-cards", "2", "1", "0", "0", "0"],
        ["scams/hurry", "-", "0", "0", "0", "0"],
        ["scams/tried", "2", "0", "2", "0", "0"],
    ]
    assert [line.strip() for line in lines[-3:]] == [
        "only this rule      1",
        "also a live rule    1 (scams/gift-cards 1)",
        "only live rules     0",
    ]


@pytest.mark.usefixtures("talk")
def test_the_report_of_a_room_and_as_json(env: dict[str, str | None]) -> None:
    found = json.loads(run(env, "report", "--room", "other", "--json").stdout)
    assert (found["room_id"], found["hours"]) == ("other", None)
    assert [(each["rule_id"], each["hits_shadow"]) for each in found["rules"]] == [("tried", 1)]


def test_an_empty_report_says_that_no_rule_has_matched(env: dict[str, str | None]) -> None:
    result = run(env, "report")
    assert result.exit_code == 0
    assert result.stdout.endswith("no rule has matched\n")


@pytest.mark.usefixtures("talk")
def test_drafts_are_back_tested_on_stored_transcripts(
    env: dict[str, str | None], draft: Path
) -> None:
    result = run(env, "backtest", "--stored", draft, "--against", demo_packs() / "demo.yaml")
    assert result.exit_code == 0, result.stderr
    assert "2 utterances" in result.stdout
    (change,) = [line for line in result.stdout.splitlines() if line.startswith("new ")]
    assert "written/scam-codes  lobby at 20" in change
    assert "(u1)" in change
    elsewhere = run(env, "backtest", "--stored", draft, "--room", "other")
    assert "1 utterances" in elsewhere.stdout


def test_drafts_are_back_tested_on_a_file(env: dict[str, str | None], draft: Path) -> None:
    file = draft.parent / "talk.jsonl"
    file.write_text('{"text": "read me the code"}\n')
    result = run(env, "backtest", draft, "--talk", file)
    assert "1 utterances" in result.stdout


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "either --talk FILE or --stored"),
        (["--talk", "{draft}", "--stored"], "either --talk FILE or --stored"),
        (["--talk", "{draft}", "--room", "r"], "go with --stored"),
        (["--stored", "--since", "yesterday"], "write it as in 2026-05-17"),
    ],
)
def test_wrong_usage_exits_with_2(
    env: dict[str, str | None], draft: Path, more: list[str], says: str
) -> None:
    result = run(env, "backtest", draft, *(each.format(draft=draft) for each in more))
    assert result.exit_code == 2
    assert says in result.stderr
