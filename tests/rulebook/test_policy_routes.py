from __future__ import annotations

from collections.abc import Sequence

import pytest

from policies.load import load_folder
from policies.pack import Pack
from policies.packs import demo_packs
from service.access.keys import Role
from service.storage.engine import Database
from tests.api import Api
from tests.policies.writing import pack, rule
from tests.rulebook.examples import live_of, snapshot_of
from tests.storage.examples import SetClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def api(database: Database) -> Api:
    return Api(database, SetClock())


def put_in_force(api: Api, packs: Sequence[Pack]) -> None:
    api.parts.policies = live_of(api.policies, snapshot=snapshot_of(packs))


@pytest.mark.parametrize("role", list(Role))
async def test_the_packs_in_force_are_shown_to_every_role(api: Api, role: Role) -> None:
    zh = {"title": "标题", "description": "说明"}
    translated = rule("asks", en=["read me"], translations={"zh": zh}, subcategory="scams_fraud")
    threatens = rule("threatens", version="2.0.0", status="shadow")
    put_in_force(api, [pack(translated, threatens)])
    async with api.caller("Mo", role) as client:
        found = await client.get("/v1/policies")
    assert found.json() == {
        "items": [
            {
                "pack": "a-pack",
                "version": "1.2.3",
                "version_id": 1,
                "title": "A pack",
                "description": "For tests.",
                "translations": {},
                "policies": [
                    {
                        "id": "asks",
                        "version": "1.2.3",
                        "status": "active",
                        "title": "Title of asks",
                        "description": "What is listened for.",
                        "category": "non_violent_crimes",
                        "subcategory": "scams_fraud",
                        "severity": "medium",
                        "languages": ["en"],
                        "translations": {"zh": zh},
                    },
                    {
                        "id": "threatens",
                        "version": "2.0.0",
                        "status": "shadow",
                        "title": "Title of threatens",
                        "description": "What is listened for.",
                        "category": "non_violent_crimes",
                        "subcategory": None,
                        "severity": "medium",
                        "languages": ["en"],
                        "translations": {},
                    },
                ],
            }
        ],
        "next_cursor": None,
        "refused": [],
    }


async def test_phrases_are_not_shown(api: Api) -> None:
    put_in_force(api, load_folder(demo_packs()))
    async with api.caller("Mo") as client:
        assert "florbin" not in (await client.get("/v1/policies")).text


async def test_packs_are_shown_without_a_key_only_on_the_members_page(api: Api) -> None:
    async with api.anybody() as client:
        assert (await client.get("/v1/policies")).status_code == 401
