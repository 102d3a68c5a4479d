"""Page of the console in a browser. Any error on it fails the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

ABORTED = "net::ERR_ABORTED"
"""Failure of the feed's request when the page is left."""

REFUSED_401 = (r"refused: .* 401$", r"console error: .*\b401\b")
REFUSED_409 = (r"refused: .* 409$", r"console error: .*\b409\b")
REFUSED_429 = (r"refused: .* 429$", r"console error: .*\b429\b")
GONE = (r"failed: .*", r"console error: .*net::ERR_")
"""Problems to expect while the server is away."""


class Visit:
    """One person at the console.

    Attributes:
        page: Playwright's page.
        problems: Errors on the page so far.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.problems: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        self.page = self._open()

    def allow(self, *patterns: str) -> None:
        """Expect problems that match these regular expressions."""
        self._allowed += map(re.compile, patterns)

    def unexpected(self) -> list[str]:
        return [
            problem
            for problem in self.problems
            if not any(pattern.search(problem) for pattern in self._allowed)
        ]

    def sign_in(self, key: str, path: str = "/") -> Visit:
        """Sign in by the link with the key; return once the feed is live."""
        self.page.goto(f"{self.url}{path}#key={key}")
        return self.live()

    def live(self) -> Visit:
        self.connection("live")
        return self

    def connection(self, state: str) -> None:
        """Wait until the page shows this state of its connection."""
        expect(self.page.locator(f"[role=status][data-connection='{state}']")).to_have_count(1)

    @property
    def articles(self) -> Locator:
        """Alerts in the feed."""
        return self.page.locator("article[data-alert]")

    def article(self, alert_id: str) -> Locator:
        return self.page.locator(f"article[data-alert='{alert_id}']")

    def opened(self, alert_id: str) -> Locator:
        """Return the open case of this alert."""
        return self.page.locator(f".case[data-alert='{alert_id}']")

    @property
    def case(self) -> Locator:
        return self.page.get_by_role("region", name="Case", exact=True)

    @property
    def rooms(self) -> Locator:
        return self.page.get_by_role("region", name="Rooms", exact=True)

    def open(self, alert_id: str) -> None:
        """Open an alert's case."""
        self.article(alert_id).focus()
        self.press("Enter")
        expect(self.opened(alert_id)).to_be_visible()

    def decide(self, name: str) -> None:
        """Decide about the open case, with the first reason."""
        self.case.get_by_role("button", name=name, exact=True).click()
        form = self.case.get_by_role("form")
        form.get_by_role("radio").first.check()
        form.locator("[type=submit]").first.click()

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Cut the network; run the body once the page has noticed."""
        self.allow(*GONE)
        self.context.set_offline(True)
        self.connection("lost")
        yield
        self.context.set_offline(False)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def _open(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text}")

    def _on_error(self, error: Error) -> None:
        self.problems.append(f"uncaught: {error}")

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url)._replace(path="", query="", fragment="").geturl() != self.url:
            self.problems.append(f"request to elsewhere: {request.url}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != ABORTED:
            path = urlsplit(request.url).path
            self.problems.append(f"failed: {request.method} {path} {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            path = urlsplit(response.url).path
            self.problems.append(f"refused: {request.method} {path} {response.status}")
