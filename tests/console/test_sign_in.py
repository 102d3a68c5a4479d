"""Signing in and out, and keys that are wrong, expired or revoked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from service.access.keys import Role
from tests.console.conftest import Open
from tests.console.seeding import Seed
from tests.console.visit import REFUSED_401, REFUSED_429, Visit
from tests.server import Server

pytestmark = pytest.mark.browser


def form(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in").click()


def at_the_door(visit: Open, served: Server) -> Visit:
    """Open the page without a key: its first request gets 401."""
    found = visit(None, at=served)
    found.allow(*REFUSED_401)
    found.page.goto(served.url)
    expect(found.page.get_by_label("Key", exact=True)).to_be_focused()
    return found


def test_a_link_with_the_key_signs_in_and_the_key_leaves_the_address(
    visit: Open, served: Server, seed: Seed
) -> None:
    page = visit().page
    assert page.evaluate("location.href") == f"{served.url}/"
    assert served.key not in page.content()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    assert served.key not in kept
    page.go_back()
    assert served.key not in page.url


def test_the_key_can_be_typed(visit: Open, served: Server, seed: Seed) -> None:
    here = at_the_door(visit, served)
    form(here.page, served.key)
    here.live()
    assert served.key not in here.page.content()


def test_a_reload_needs_no_key_again(visit: Open, seed: Seed) -> None:
    here = visit()
    here.page.reload()
    here.live()


def test_scripts_and_other_sites_cannot_use_the_cookie(visit: Open, seed: Seed) -> None:
    here = visit()
    [cookie] = here.context.cookies()
    assert cookie.get("httpOnly") is True
    assert cookie.get("sameSite") == "Strict"
    assert here.page.evaluate("document.cookie") == ""


def test_a_wrong_key_is_refused_and_stays_in_the_box(
    visit: Open, served: Server, seed: Seed
) -> None:
    here = at_the_door(visit, served)
    form(here.page, "ek_not-a-key-of-this-server-0123456789")
    expect(here.page.get_by_role("alert")).to_contain_text(re.compile("key", re.IGNORECASE))
    expect(here.page.get_by_label("Key", exact=True)).to_have_value(re.compile("^ek_not-a-key"))


def test_a_link_with_a_wrong_key_shows_the_form_and_the_reason(
    visit: Open, served: Server, seed: Seed
) -> None:
    here = visit(None)
    here.allow(*REFUSED_401)
    here.page.goto(f"{served.url}/#key=ek_not-a-key-of-this-server-0123456789")
    expect(here.page.get_by_role("alert")).to_contain_text(re.compile("key", re.IGNORECASE))
    assert "key=" not in here.page.url


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_an_expired_or_revoked_key_is_refused_with_the_reason(
    end: str, visit: Open, served: Server, seed: Seed
) -> None:
    key = seed.key("Old", life_s=-60 if end == "expired" else None)
    if end == "revoked":
        seed.revoke(key)
    here = at_the_door(visit, served)
    form(here.page, key)
    expect(here.page.get_by_role("alert")).to_contain_text(end)


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_a_key_that_ends_while_the_page_is_open_is_reported_and_drafts_stay(
    end: str, visit: Open, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert()
    key = seed.key("Ann")
    here = visit(key)
    here.allow(*REFUSED_401)
    here.open(alert.id)
    words = here.case.get_by_role("textbox")
    words.fill("she asked twice, and")
    (seed.expire if end == "expired" else seed.revoke)(key)
    here.case.get_by_role("button", name="Acknowledge").click()
    expect(here.page.get_by_role("alert").filter(has_text=end).first).to_be_visible()
    expect(here.article(alert.id)).to_contain_text("gift card")
    form(here.page, seed.key("Ann"))
    here.live()
    expect(here.case.get_by_role("textbox")).to_have_value("she asked twice, and")


def test_after_too_many_wrong_keys_the_page_says_how_long_to_wait(
    visit: Open, server: Server
) -> None:
    """It needs a server of its own: all tests share an address, and so the limit."""
    here = at_the_door(visit, server)
    here.allow(*REFUSED_429)
    said = here.page.get_by_role("alert").filter(has_text=re.compile(r"\d+ (s|seconds|min)"))
    for attempt in range(40):
        with here.page.expect_response("**/v1/session") as answer:
            form(here.page, f"ek_wrong-{attempt}-0123456789abcdef")
        if answer.value.status == 429:
            break
    expect(said).to_be_visible()


def test_signing_out_leaves_nothing_on_the_screen(visit: Open, served: Server, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.allow(*REFUSED_401)
    expect(here.article(alert.id)).to_be_visible()
    sign_out(here.page)
    expect(here.page.get_by_label("Key", exact=True)).to_be_visible()
    expect(here.page.get_by_text("gift card")).to_have_count(0)
    here.page.reload()
    expect(here.page.get_by_label("Key", exact=True)).to_be_visible()
    assert here.context.cookies() == []


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("dialog", name="Settings").get_by_role("button", name="Sign out").click()


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.ROOM_SERVER])
def test_an_observer_reads_everything_and_is_told_that_it_is_read_only(
    role: Role, visit: Open, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Olga", role))
    here.open(alert.id)
    expect(here.case).to_contain_text("gift card")
    expect(here.page.get_by_text(re.compile("read.only", re.IGNORECASE)).first).to_be_visible()
    for name in ("Acknowledge", "Uphold", "Dismiss"):
        usable = here.page.get_by_role("button", name=name, disabled=False)
        expect(usable).to_have_count(0)
    here.press("a", "u", "d")
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
