from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from httpx import ASGITransport, AsyncClient

from service.errors import Problem
from service.feed import static

pytestmark = pytest.mark.anyio

PAGE = "<!doctype html><title>console</title>" + "<p>words</p>" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "console"
    (folder / "views").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "views" / "feed.js").write_text("export const feed = 1;\n" * 100)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "notes.py").write_text("secret = 1")
    (tmp_path / "outside.js").write_text("secret")
    return folder


@dataclass(frozen=True)
class Parts:
    console: static.ConsoleFiles


async def answer(_request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    return JSONResponse({"detail": problem.detail}, problem.status)


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[AsyncClient]:
    app = FastAPI(exception_handlers={Problem: answer})
    static.CONSOLE.provide(app, Parts(static.ConsoleFiles(folder)))
    app.include_router(static.router)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://earshot") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/console/index.html", "text/html; charset=utf-8"),
        ("/console/views/feed.js", "text/javascript; charset=utf-8"),
        ("/console/icon.svg", "image/svg+xml"),
    ],
)
async def test_each_file_has_its_media_type_and_nothing_guesses_another(
    client: AsyncClient, path: str, media_type: str
) -> None:
    found = await client.get(path)
    assert found.status_code == 200
    assert found.headers["content-type"] == media_type
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/console/index.html", "/console/icon.svg"])
async def test_what_can_be_opened_as_a_page_is_sent_with_strict_headers(
    client: AsyncClient, path: str
) -> None:
    found = await client.get(path)
    assert found.headers["referrer-policy"] == "no-referrer"
    assert found.headers["cross-origin-opener-policy"] == "same-origin"
    assert "microphone=()" in found.headers["permissions-policy"]
    policy = found.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


async def test_the_start_page_is_the_index(client: AsyncClient) -> None:
    assert (await client.get("/")).text == PAGE


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("deflate, gzip ; q=1.0", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("identity", False),
    ],
)
async def test_a_file_is_packed_for_whom_takes_gzip(
    client: AsyncClient, accepts: str, packed: bool
) -> None:
    found = await client.get("/", headers={"Accept-Encoding": accepts})
    assert (found.headers.get("content-encoding") == "gzip") is packed
    assert found.headers["vary"] == "Accept-Encoding"
    assert found.text == PAGE
    length = int(found.headers["content-length"])
    assert length == len(PAGE) if not packed else length < len(PAGE) / 4


async def test_what_packing_makes_no_smaller_stays_as_it_is(client: AsyncClient) -> None:
    found = await client.get("/console/icon.svg", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in found.headers
    assert found.text == "<svg/>"


async def test_whoever_has_the_file_gets_a_304(client: AsyncClient) -> None:
    tag = (await client.get("/")).headers["etag"]
    assert tag.startswith('"')
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get("/", headers={"If-None-Match": given})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == tag
        assert "content-security-policy" in again.headers
    assert (await client.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_packed_and_plain_have_tags_of_their_own(client: AsyncClient) -> None:
    packed = (await client.get("/", headers={"Accept-Encoding": "gzip"})).headers["etag"]
    plain = (await client.get("/", headers={"Accept-Encoding": "identity"})).headers["etag"]
    assert packed != plain


async def test_head_says_what_get_would(client: AsyncClient) -> None:
    for path in ("/", "/console/views/feed.js"):
        head, get = await client.head(path), await client.get(path)
        assert head.status_code == 200
        assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/views",
        "/console/nothing.js",
        "/console/notes.py",
        "/console/../outside.js",
        "/console/..%2Foutside.js",
        "/console/%2e%2e/outside.js",
        "/console/views/..%2f..%2foutside.js",
        "/console//etc/passwd",
        "/console/index.html%00",
    ],
)
async def test_nothing_but_the_files_of_the_folder_is_served(
    client: AsyncClient, path: str
) -> None:
    found = await client.get(path)
    assert found.status_code == 404
    assert "secret" not in found.text


async def test_opening_the_page_brings_files_as_they_are_now(
    client: AsyncClient, folder: Path
) -> None:
    page = folder / "index.html"
    page.write_text("changed")
    os.utime(page, ns=(1, 1))
    (folder / "later.js").write_text("x")
    assert (await client.get("/console/later.js")).status_code == 404
    assert (await client.get("/")).text == "changed"
    assert (await client.get("/console/later.js")).text == "x"


async def test_a_key_in_the_address_of_the_page_is_refused(client: AsyncClient) -> None:
    assert (await client.get("/", params={"key": "ek_x"})).status_code == 401


async def test_packing_the_same_twice_gives_the_same_bytes(folder: Path) -> None:
    once, again = (static.load_file(folder / "index.html") for _ in range(2))
    assert once == again
    assert once.packed is not None
    assert gzip.decompress(once.packed) == once.content
