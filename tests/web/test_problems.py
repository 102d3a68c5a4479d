"""Every problem of the source has a type, and docs/problems.md documents it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from service.access.keys import Role
from service.storage.engine import Database
from service.web.problem_types import BY_STATUS, PREFIX, TYPES, type_of, type_of_status
from tests.api import Api
from tests.storage.examples import SetClock

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "problems.md"
ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)


def raised_problems() -> Iterator[tuple[int, str]]:
    """Yield the status and title of each problem that the source makes."""
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name("Problem")
                    | ast.Attribute(ast.Call(ast.Name("super")), "__init__"),
                    args=[ast.Constant(int(status)), ast.Constant(str(title)), *_],
                ):
                    yield status, title


def test_every_problem_has_a_type_and_no_type_is_left_over() -> None:
    assert set(raised_problems()) == set(TYPES)


def test_the_page_lists_every_type_with_its_status_and_title() -> None:
    listed = {
        (kind, int(status), title)
        for kind, status, titles in ROW.findall(PAGE.read_text("utf-8"))
        for title in titles.split(", ")
    }
    # The reason phrase of 413 depends on the version of Python.
    phrases = {status: HTTPStatus(status).phrase for status in BY_STATUS} | {
        413: "Content Too Large"
    }
    assert listed == {(kind, *key) for key, kind in TYPES.items()} | {
        (kind, status, phrases[status]) for status, kind in BY_STATUS.items()
    }


def test_a_type_is_a_uri_of_plain_words() -> None:
    for kind in (*TYPES.values(), *BY_STATUS.values()):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind)
    assert type_of(404, "No such alert") == PREFIX + "alert-not-found"
    assert type_of_status(418) == "about:blank"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v1/alerts?stat=open", "unknown-parameter"),
        ("GET", "/v1/alerts?limit=x", "invalid-request"),
        ("GET", "/v1/nothing", "path-not-found"),
        ("PUT", "/v1/alerts", "method-not-allowed"),
        ("GET", "/v1/keys", "role-not-allowed"),
    ],
)
async def test_a_refusal_carries_the_type_of_its_kind(
    database: Database, method: str, path: str, kind: str
) -> None:
    async with Api(database, SetClock()).caller("Ob", Role.OBSERVER) as client:
        refused = await client.request(method, path)
    assert refused.json()["type"] == PREFIX + kind
