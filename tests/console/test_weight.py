"""Weight of the page: bytes and requests of its first load."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.console.seeding import Seed
from tests.console.visit import Visit
from tests.server import Server

pytestmark = pytest.mark.browser

FIRST_LOAD_BYTES = 150_000


def test_the_first_load_is_small_and_comes_from_this_server_alone(
    browser: Browser, served: Server, seed: Seed
) -> None:
    seed.room()
    seed.alerts(50)
    context = browser.new_context()
    here = Visit(context, served.url)
    wire = context.new_cdp_session(here.page)
    wire.send("Network.enable")
    received: dict[str, float] = {}

    def count(event: dict[str, Any]) -> None:
        received[event["requestId"]] = event["encodedDataLength"]

    wire.on("Network.loadingFinished", count)
    asked: list[str] = []
    here.page.on("request", lambda request: asked.append(request.url))
    here.sign_in(served.key)
    here.articles.first.wait_for()
    context.close()
    print(f"first load: {sum(received.values()):.0f} bytes in {len(asked)} requests")  # noqa: T201
    assert 0 < sum(received.values()) <= FIRST_LOAD_BYTES
    assert [url for url in asked if not url.startswith(served.url)] == []
    assert here.problems == []


def test_an_unchanged_page_is_not_sent_again(browser: Browser, served: Server, seed: Seed) -> None:
    context = browser.new_context()
    here = Visit(context, served.url)
    here.sign_in(served.key)
    statuses: dict[str, int] = {}
    here.page.on(
        "response",
        lambda answer: (
            statuses.update({answer.url: answer.status}) if "/console/" in answer.url else None
        ),
    )
    here.page.reload()
    here.live()
    context.close()
    assert statuses
    assert set(statuses.values()) <= {200, 304}
