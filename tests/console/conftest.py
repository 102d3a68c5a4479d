"""Fixtures: the console in Debian's Chromium, on a real server with seeded rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.console.room_server import RoomServer, room_server
from tests.console.seeding import Seed, seeding
from tests.console.visit import Visit
from tests.needs import CHROMIUM
from tests.server import Server

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]
LOUNGE = {"id": "lounge", "title": "Late Night Lounge", "connector": {"kind": "whip"}}
HELPLINES = """
- {name: Example line, contact: "+1 555 0100", languages: [en, zh], hours: day and night}
- {name: Example chat, contact: "https://chat.example/help", languages: [en]}
"""
PATIENCE_MS = 15_000
"""Longest wait for a condition; the machine may be busy with other tests."""


class Open(Protocol):
    """Function that opens the console for one person, in a browser context of their own."""

    def __call__(
        self,
        key: str | None = ...,
        path: str = ...,
        *,
        at: Server | None = ...,
        width: int = ...,
        before: Callable[[BrowserContext], object] = ...,
        **options: Any,
    ) -> Visit: ...


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start one browser for the folder. Its tests are synchronous: no event loop can run too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server whose rooms come from `seed` alone, and that may call `RoomServer`s."""
    data = tmp_path_factory.mktemp("console")
    helplines = data / "helplines.yaml"
    helplines.write_text(HELPLINES)
    settings = {"EARSHOT_WEBHOOK_ALLOW": "127.0.0.1", "EARSHOT_HELPLINES": str(helplines)}
    with Server(data, **settings) as server:
        yield server


@pytest.fixture(scope="package")
def seeded(served: Server) -> Iterator[Seed]:
    with seeding(served.data) as seed:
        yield seed


@pytest.fixture
def seed(seeded: Seed) -> Seed:
    """Return the writer of rooms and alerts, after deleting those of earlier tests."""
    seeded.clear()
    return seeded


@pytest.fixture
def visit(browser: Browser, served: Server) -> Iterator[Open]:
    """Return a function that opens watched pages, by default with the admin's key."""
    visits: list[Visit] = []

    def open_(
        key: str | None = "",
        path: str = "/",
        *,
        at: Server | None = None,
        width: int = 1280,
        before: Callable[[BrowserContext], object] = lambda context: None,
        **options: Any,
    ) -> Visit:
        server = at or served
        options = {"locale": "en-US", "viewport": {"width": width, "height": 800}} | options
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        before(context)
        visits.append(opened := Visit(context, server.url))
        if key is None:
            return opened
        return opened.sign_in(key or server.key, path)

    yield open_
    unexpected = [problem for one in visits for problem in one.unexpected()]
    for one in visits:
        one.context.close()
    assert not unexpected, unexpected


@pytest.fixture
def lounge(served: Server, seed: Seed) -> Iterator[RoomServer]:
    """Open a room that the server listens to; return its room server, which carries actions out."""
    with served.client() as client, room_server(client) as lounge:
        assert client.post("/v1/rooms", json=LOUNGE).status_code == 201
        yield lounge
        client.delete("/v1/rooms/lounge")
