from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response

from service.access.keys import Role
from service.rulebook.folder import PolicyFolder, load_files
from service.rulebook.version import Origin
from service.storage.engine import Database
from service.storage.schema import open_database
from tests.api import Api
from tests.rulebook.examples import files_of, in_force, text_of
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio

GOLDEN = Path(__file__).parent / "goldens" / "refused.json"
YAML = {"Content-Type": "application/yaml"}
MANY_ERRORS = (
    text_of("frauds", id_="threats-rule")
    .replace("severity: high", "severity: huge")
    .replace("cooldown: 30s", "cooldown: soon")
    .replace("title: T\n", "titel: T\n", 1)
)


@pytest.fixture
async def api(database: Database) -> Api:
    api = Api(database, SetClock())
    await api.live.follow(files_of(text_of(), text_of("threats")), Origin.SHIPPED)
    return api


@pytest.fixture
async def ada(api: Api) -> AsyncIterator[AsyncClient]:
    async with api.caller("Ada", Role.ADMIN) as client:
        yield client


async def put(client: AsyncClient, text: str | bytes, name: str = "scams", **more: str) -> Response:
    content = text.encode() if isinstance(text, str) else text
    return await client.put(f"/v1/policies/{name}", content=content, headers={**YAML, **more})


async def refusal(client: AsyncClient) -> dict[str, Any]:
    answer = await put(client, MANY_ERRORS)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


async def test_a_pack_is_brought_into_force_and_shown(api: Api, ada: AsyncClient) -> None:
    answer = await put(ada, text_of(version="1.1.0"))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["pack"]["pack"], body["pack"]["version"], body["changed"]) == (
        "scams",
        "1.1.0",
        True,
    )
    assert body["version_id"] == body["pack"]["version_id"]
    assert answer.headers["etag"] == f'"{body["version_id"]}"'
    assert "EARSHOT_CORPUS_DIR" in body["warnings"][0]
    listed = (await ada.get("/v1/policies")).json()["items"]
    assert body["pack"] in listed
    again = (await put(ada, text_of(version="1.1.0"))).json()
    assert (again["changed"], again["version_id"]) == (False, body["version_id"])


async def test_a_refusal_has_every_error_and_changes_nothing(api: Api, ada: AsyncClient) -> None:
    """To accept a change, run `python -m tests.rulebook.test_routes` and read the difference."""
    assert await refusal(ada) == json.loads(GOLDEN.read_text("utf-8"))
    assert in_force(api.live) == {"scams": "1.0.0", "threats": "1.0.0"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/yamlish"])
async def test_a_body_that_is_not_sent_as_yaml_is_refused(ada: AsyncClient, kind: str) -> None:
    for method, path in (("PUT", "/v1/policies/scams"), ("POST", "/v1/policies/check")):
        headers = {"Content-Type": kind} if kind else {}
        answer = await ada.request(method, path, content=text_of(), headers=headers)
        assert answer.status_code == 415
        assert "application/yaml" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/yaml", "application/x-yaml", "Application/YAML; charset=x"])
async def test_yaml_has_several_content_types(ada: AsyncClient, kind: str) -> None:
    answer = await put(ada, text_of(version="1.1.0"), **{"Content-Type": kind})
    assert answer.status_code == 200


async def test_a_body_beyond_the_bound_is_refused_unread(api: Api, ada: AsyncClient) -> None:
    assert (await put(ada, b"x" * 1_000_001)).status_code == 413
    assert (await put(ada, text_of(word="a" * 240_000))).status_code == 422
    assert in_force(api.live)["scams"] == "1.0.0"


async def test_a_change_with_if_match_needs_the_version_in_force(
    ada: AsyncClient,
) -> None:
    shown = await ada.get("/v1/policies/scams")
    etag = shown.headers["etag"]
    assert (shown.text, shown.headers["content-type"].partition(";")[0]) == (
        text_of(),
        "application/yaml",
    )
    both = [put(ada, text_of(version=f"1.{n}.0"), **{"If-Match": etag}) for n in (1, 2)]
    answers = await asyncio.gather(*both)
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    stale = next(answer for answer in answers if answer.status_code == 412)
    assert "GET /v1/policies/scams" in stale.json()["detail"]
    now = (await ada.get("/v1/policies/scams")).headers["etag"]
    for pattern in ("{now}", '"999", W/{now}', "*"):
        tag = {"If-Match": pattern.format(now=now)}
        answer = await put(ada, text_of(version="1.3.0"), **tag)
        now = answer.headers["etag"]
        assert answer.status_code == 200


async def test_the_list_of_versions_has_author_time_and_origin_and_any_version_comes_back(
    api: Api, ada: AsyncClient
) -> None:
    await put(ada, text_of(version="1.1.0"))
    path = "/v1/policies/scams/versions"
    first_page = (await ada.get(path, params={"limit": 1})).json()
    (sent,) = first_page["items"]
    (shipped,) = (await ada.get(path, params={"cursor": first_page["next_cursor"]})).json()["items"]
    assert sent == {
        "id": sent["id"],
        "version": "1.1.0",
        "origin": "api",
        "who": "Ada",
        "at": "2026-05-17T12:00:00.123Z",
        "live": True,
    }
    assert (shipped["origin"], shipped["who"], shipped["live"]) == ("shipped", "server", False)
    assert (await ada.get(f"{path}/{shipped['id']}")).text == text_of()
    back = await ada.post("/v1/policies/scams/roll-back", json={"version_id": shipped["id"]})
    assert back.status_code == 200
    assert back.json()["pack"]["version"] == "1.0.0"
    newest = (await ada.get(path)).json()["items"][0]
    assert (newest["origin"], newest["live"], newest["id"]) == (
        "roll_back",
        True,
        back.json()["version_id"],
    )


async def test_unknown_packs_and_versions_are_404_with_a_remedy(ada: AsyncClient) -> None:
    for path in ("nothing", "nothing/versions", "scams/versions/99", "nothing/versions/1"):
        answer = await ada.get(f"/v1/policies/{path}")
        assert answer.status_code == 404, path
        assert "/v1/policies" in answer.json()["detail"]
    threats = (await ada.get("/v1/policies/threats/versions")).json()["items"][0]["id"]
    for id_ in (99, threats):
        answer = await ada.post("/v1/policies/scams/roll-back", json={"version_id": id_})
        assert answer.status_code == 404
    for bad in (0, -1, 2**60, "1", None, 1.5):
        answer = await ada.post("/v1/policies/scams/roll-back", json={"version_id": bad})
        assert answer.status_code == 422


async def test_rooms_and_the_members_page_follow_the_packs_in_force(
    api: Api, ada: AsyncClient
) -> None:
    room = {"id": "den", "connector": {"kind": "whip"}, "policies": ["frauds"]}
    async with api.running():
        assert (await ada.post("/v1/rooms", json=room)).status_code == 422
        await put(ada, text_of("frauds"), "frauds")
        assert (await ada.post("/v1/rooms", json=room)).status_code == 201


async def test_admins_are_shown_which_files_are_refused_and_why(api: Api, tmp_path: Path) -> None:
    (tmp_path / "scams.yaml").write_text(text_of(), "utf-8")
    folder = PolicyFolder(tmp_path, load_files(tmp_path), api.live, metrics=api.metrics)
    api.parts.policy_folder = folder
    (tmp_path / "scams.yaml").write_text("schema: 9\npack: [", "utf-8")
    await folder.check_folder()
    await folder.check_folder()
    async with api.caller("Ada", Role.ADMIN) as ada, api.caller("Mo") as mo:
        (file,) = (await ada.get("/v1/policies")).json()["refused"]
        assert file["path"] == "scams.yaml"
        assert [sorted(error) for error in file["errors"]] == [
            ["field", "line", "problem", "remedy"]
        ]
        assert (await mo.get("/v1/policies")).json()["refused"] == []


async def _write_golden() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(f"sqlite:///{folder}/earshot.db")
        api = Api(database, SetClock())
        await api.live.follow(files_of(text_of(), text_of("threats")), Origin.SHIPPED)
        async with api.caller("Ada", Role.ADMIN) as client:
            text = json.dumps(await refusal(client), indent=2, ensure_ascii=False)
        await database.close()
    GOLDEN.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(_write_golden())
