from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from structlog.testing import capture_logs

from service.rulebook.version import Origin
from service.storage.engine import Database
from tests.api import Api
from tests.rulebook.examples import files_of, in_force, text_of
from tests.rulebook.test_routes import MANY_ERRORS
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio

YAML = {"Content-Type": "application/yaml"}
SHADOW = text_of("frauds", word="number").replace(
    "severity: high", "severity: high\n    status: shadow"
)


@pytest.fixture
async def api(database: Database) -> Api:
    api = Api(database, SetClock())
    await api.live.follow(files_of(text_of(), text_of("threats")), Origin.SHIPPED)
    return api


@pytest.fixture
async def mo(api: Api) -> AsyncIterator[AsyncClient]:
    async with api.caller("Mo") as client:
        yield client


async def check(client: AsyncClient, text: str) -> dict[str, object]:
    answer = await client.post("/v1/policies/check", content=text.encode(), headers=YAML)
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


async def test_a_check_answers_like_a_change_and_changes_nothing(api: Api, mo: AsyncClient) -> None:
    before = api.live.snapshot
    found = await check(mo, text_of(version="2.0.0", word="number"))
    assert "EARSHOT_CORPUS_DIR" in str(found.pop("warnings"))
    assert found == {
        "valid": True,
        "pack": "scams",
        "version": "2.0.0",
        "errors": [],
        "tests": {"examples": 6, "failed": 0},
        "budgets": [],
    }
    assert api.live.snapshot is before


async def test_a_check_finds_every_error_and_counts_failed_examples(mo: AsyncClient) -> None:
    found = await check(mo, MANY_ERRORS)
    assert (found["valid"], found["pack"]) == (False, None)
    fields = [error["field"] for error in found["errors"]]  # type: ignore[attr-defined]
    assert {"policies[0].id", "policies[0].severity", "policies[0].cooldown"} <= set(fields)
    failing = text_of(version="2.0.0").replace(
        "must_not_match: [a", "must_not_match: [read me the code"
    )
    assert (await check(mo, failing))["tests"] == {"examples": None, "failed": 1}
    same_version = await check(mo, text_of(word="number"))
    assert [error["field"] for error in same_version["errors"]] == ["version"]  # type: ignore[attr-defined]


async def test_a_sentence_is_explained_layer_by_layer_and_rule_by_rule(mo: AsyncClient) -> None:
    answer = await mo.post("/v1/policies/match", json={"text": "Now read me the code!"})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["language"], found["words"]) == ("en", "now read me the code")
    assert [(each["layer"], len(each["heard"])) for each in found["layers"]] == [
        ("exact", 1),
        ("pattern", 0),
        ("phones", 0),
    ]
    assert found["layers"][0]["heard"][0] == {
        "said": "read me the code",
        "wanted": "read me the code",
        "distance": 0.0,
    }
    assert {(each["pack"], each["rule_id"], each["verdict"]) for each in found["rules"]} == {
        ("scams", "scams-rule", "applies at high"),
        ("threats", "threats-rule", "applies at high"),
    }
    assert {(each["pack_version"], *each["spans"][0]) for each in found["matches"]} == {
        ("1.0.0", 4, 20)
    }


async def test_a_sentence_may_be_tried_on_some_packs_or_a_draft(api: Api, mo: AsyncClient) -> None:
    async def rules(**asked: object) -> list[str]:
        answer = await mo.post("/v1/policies/match", json={"text": "read me the number", **asked})
        assert answer.status_code == 200, answer.text
        return [match["rule_id"] for match in answer.json()["matches"]]

    assert await rules() == []
    assert await rules(draft=SHADOW) == ["frauds-rule"]
    assert await rules(draft=SHADOW, packs=["scams"]) == []
    assert await rules(draft=SHADOW, statuses=["active"]) == []
    assert await rules(draft=text_of(version="9.0.0", word="number")) == ["scams-rule"]
    assert in_force(api.live) == {"scams": "1.0.0", "threats": "1.0.0"}


async def test_a_bad_draft_is_refused_with_every_error(mo: AsyncClient) -> None:
    asked = {"text": "hello", "draft": MANY_ERRORS}
    answer = await mo.post("/v1/policies/match", json=asked)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) >= 4


@pytest.mark.parametrize(
    "bad",
    [
        b'{"text": ""}',
        b'{"text": "a", "language": "xx"}',
        b'{"text": "\\ud800"}',
        b'{"text": "a", "statuses": []}',
        b'{"text": "a", "more": 1}',
        b'{"text": "' + b"a" * 10_001 + b'"}',
    ],
)
async def test_a_bad_sentence_is_refused(mo: AsyncClient, bad: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await mo.post("/v1/policies/match", content=bad, headers=headers)
    assert answer.status_code == 422


async def test_no_text_is_logged(mo: AsyncClient) -> None:
    with capture_logs() as logged:
        await mo.post("/v1/policies/match", json={"text": "now read me the code"})
        await check(mo, MANY_ERRORS)
    assert "code" not in str(logged)
