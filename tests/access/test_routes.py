from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI
from httpx import ASGITransport, AsyncClient

from service.access import routes
from service.access.attempts import MOST
from service.access.dependency import allow
from service.access.keys import Key, Role, digest_of, make_key
from service.access.parts import ACCESS
from service.access.sessions import COOKIE, LIFETIME
from service.storage.audit import SqlAudit
from service.storage.engine import Database
from service.storage.expiry import expire
from service.storage.keys import SqlKeys
from service.storage.sessions import SqlSessions
from service.web.problems import install_problems
from tests.access.parts import access_on
from tests.storage.examples import NOW, SECOND, SetClock

pytestmark = pytest.mark.anyio

SITE = "http://earshot.example"
OWN = {"Origin": SITE}


class Page:
    """Page of a browser, and the server that sent it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.keys = SqlKeys(database)
        self.audit = SqlAudit(database)
        self.sessions = SqlSessions(database)
        self.app = FastAPI()
        install_problems(self.app)
        self.app.include_router(routes.router)
        ACCESS.provide(self.app, access_on(database, self.clock))

        @self.app.post("/act")
        async def act(
            who: str = Depends(allow(Role.MODERATOR)),
        ) -> None: ...

        self.client = self.browser()

    def browser(self, site: str = SITE) -> AsyncClient:
        return AsyncClient(transport=ASGITransport(self.app), base_url=site)

    async def key(
        self, role: Role = Role.MODERATOR, lifetime: timedelta | None = None
    ) -> tuple[Key, str]:
        key, secret = make_key("Mo", role, NOW, lifetime=lifetime)
        await self.keys.add(key, digest_of(secret))
        return key, secret

    async def signed_in(self) -> Key:
        key, secret = await self.key()
        answer = await self.client.post("/v1/session", json={"key": secret}, headers=OWN)
        assert answer.status_code == 200
        return key


@pytest.fixture
async def page(database: Database) -> AsyncIterator[Page]:
    page = Page(database)
    async with page.client:
        yield page


async def test_a_key_is_changed_into_a_cookie_that_no_script_can_read(page: Page) -> None:
    key, secret = await page.key()
    answer = await page.client.post("/v1/session", json={"key": f" {secret}\n"}, headers=OWN)
    body = {
        "name": "Mo",
        "role": "moderator",
        "key_id": key.id,
        "expires_at": "2026-05-18T00:00:00.123Z",
        "rooms": [],
    }
    assert answer.json() == body
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=es_")
    assert cookie.endswith("; HttpOnly; Max-Age=43200; Path=/; SameSite=strict")
    assert secret not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert (await page.client.get("/v1/session")).json() == body
    assert (await page.client.post("/act", headers=OWN)).status_code == 200


@pytest.mark.parametrize(
    ("site", "origin", "secure"),
    [
        ("http://earshot.example", "http://earshot.example", False),
        ("https://earshot.example", "https://earshot.example", True),
        ("http://earshot.example", "https://earshot.example", True),
        ("https://earshot.example", None, True),
        ("http://earshot.example", None, False),
    ],
)
async def test_over_https_the_cookie_stays_there_also_behind_a_proxy(
    page: Page, site: str, origin: str | None, secure: bool
) -> None:
    _, secret = await page.key()
    headers = {"Origin": origin} if origin else {}
    async with page.browser(site) as browser:
        answer = await browser.post("/v1/session", json={"key": secret}, headers=headers)
    assert ("; Secure" in answer.headers["set-cookie"]) is secure


async def test_a_key_that_will_not_do_is_told_why(page: Page) -> None:
    revoked, of_revoked = await page.key()
    await page.keys.revoke(revoked.id, NOW)
    _, of_expired = await page.key(lifetime=SECOND)
    page.clock.now += 2 * SECOND
    for secret, why in (
        ("ek_wrong", "unknown here"),
        (of_revoked, "was revoked on"),
        (of_expired, "expired on"),
    ):
        answer = await page.client.post("/v1/session", json={"key": secret})
        assert answer.status_code == 401
        assert why in answer.json()["detail"]
        assert secret not in answer.text
        assert "set-cookie" not in answer.headers


async def test_what_is_no_key_at_all_is_not_repeated(page: Page) -> None:
    for body in ({"key": "secret" * 100}, {"key": ["secret"]}, {"secret": "x"}, {"key": ""}):
        answer = await page.client.post("/v1/session", json=body)
        assert answer.status_code == 422
        assert "secretsecret" not in answer.text
    answer = await page.client.post("/v1/session?key=x", json={"key": "x"})
    assert answer.status_code == 401


async def test_no_other_site_signs_anybody_in_or_out_or_acts(page: Page) -> None:
    _, secret = await page.key()
    foreign = {"Origin": "http://evil.example"}
    sign_in = await page.client.post("/v1/session", json={"key": secret}, headers=foreign)
    assert sign_in.status_code == 403
    await page.signed_in()
    for headers in (foreign, {}, {"Origin": "null"}):
        refused = await page.client.post("/act", headers=headers)
        assert refused.status_code == 403
        assert refused.json()["title"] == "From another site"
        assert (await page.client.delete("/v1/session", headers=headers)).status_code == 403
    assert (await page.client.get("/v1/session")).status_code == 200
    same = {"Sec-Fetch-Site": "same-origin"}
    assert (await page.client.post("/act", headers=same)).status_code == 200


async def test_a_bearer_key_counts_before_the_cookie(page: Page) -> None:
    await page.signed_in()
    _, secret = await page.key(Role.OBSERVER)
    observer = {"Authorization": f"Bearer {secret}"}
    assert (await page.client.get("/v1/session", headers=observer)).json()["role"] == "observer"
    assert (await page.client.post("/act", headers=observer)).status_code == 403
    wrong = {"Authorization": "Bearer ek_wrong"}
    assert (await page.client.get("/v1/session", headers=wrong)).status_code == 401


async def test_a_bearer_key_needs_no_origin(page: Page) -> None:
    _, secret = await page.key()
    bearer = {"Authorization": f"Bearer {secret}"}
    assert (await page.client.post("/act", headers=bearer)).status_code == 200
    answer = await page.client.get("/v1/session", headers=bearer)
    assert answer.json()["expires_at"] is None


async def test_signing_out_ends_the_session_for_whoever_has_the_cookie(page: Page) -> None:
    await page.signed_in()
    kept = page.client.cookies[COOKIE]
    answer = await page.client.delete("/v1/session", headers=OWN)
    assert answer.status_code == 204
    assert COOKIE not in page.client.cookies
    page.client.cookies.set(COOKIE, kept)
    refused = await page.client.get("/v1/session")
    assert refused.status_code == 401
    assert "signed out" in refused.json()["detail"]
    page.client.cookies.clear()
    assert (await page.client.delete("/v1/session")).status_code == 204


async def test_signing_in_anew_ends_the_session_before(page: Page) -> None:
    await page.signed_in()
    before = page.client.cookies[COOKIE]
    await page.signed_in()
    assert page.client.cookies[COOKIE] != before
    assert await page.sessions.find(digest_of(before)) is None


async def test_a_revoked_key_signs_its_pages_out(page: Page) -> None:
    key = await page.signed_in()
    await page.keys.revoke(key.id, NOW)
    refused = await page.client.get("/v1/session")
    assert refused.status_code == 401
    assert f"key {key.id} was revoked on" in refused.json()["detail"]


async def test_a_session_ends_after_a_shift_and_leaves_the_database(page: Page) -> None:
    await page.signed_in()
    digest = digest_of(page.client.cookies[COOKIE])
    page.clock.now += LIFETIME
    await expire(page.database, page.clock.now - SECOND, talk_hours=24, alert_days=30)
    assert (await page.client.get("/v1/session")).status_code == 401
    assert await page.sessions.find(digest) is not None
    await expire(page.database, page.clock.now, talk_hours=24, alert_days=30)
    assert await page.sessions.find(digest) is None


async def test_guesses_from_an_address_disturb_nobody_who_is_signed_in(page: Page) -> None:
    await page.signed_in()
    codes = []
    for number in range(MOST + 1):
        async with page.browser() as other:
            guess = {"key": f"ek_{number}"}
            codes.append((await other.post("/v1/session", json=guess)).status_code)
    assert codes == [401] * MOST + [429]
    bearer = {"Authorization": "Bearer ek_another"}
    refused = await page.client.get("/v1/session", headers=bearer)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3"
    assert refused.json()["detail"].endswith("try again in 3 s")
    assert (await page.client.get("/v1/session")).status_code == 200
    assert (await page.client.post("/act", headers=OWN)).status_code == 200
