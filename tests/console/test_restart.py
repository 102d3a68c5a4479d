"""Open pages while the server is away, and after its return."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.seeding import Seed, seeding
from tests.console.visit import GONE
from tests.server import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that tests may kill; every test leaves it running."""
    with Server(tmp_path_factory.mktemp("fragile")) as server:
        yield server


@pytest.fixture(scope="module")
def fragile_seed(fragile: Server) -> Iterator[Seed]:
    with seeding(fragile.data) as seed:
        yield seed


def test_missed_alerts_appear_once_each_and_drafts_stay(
    visit: Open, fragile: Server, fragile_seed: Seed
) -> None:
    seed = fragile_seed
    seed.clear()
    seed.room()
    before = seed.alert(ago_s=30)
    here = visit(at=fragile)
    here.allow(*GONE)
    here.open(before.id)
    here.case.get_by_role("textbox").fill("half a thought")

    fragile.kill()
    here.connection("lost")
    expect(here.page.get_by_text(re.compile("last update", re.IGNORECASE))).to_be_visible()
    expect(here.case).to_contain_text("gift card")
    away = [
        seed.alert("harassment-insults", said=f"you idiot, {n}", marked="idiot") for n in range(3)
    ]
    fragile.start()

    here.live()
    for alert in away:
        expect(here.article(alert.id)).to_have_count(1)
    expect(here.articles).to_have_count(4)
    expect(here.page.get_by_text(re.compile(r"while you were away"))).to_be_visible()
    expect(here.case.get_by_role("textbox")).to_have_value("half a thought")
    after = seed.alert(said="send me your gift card codes again", marked="gift card codes")
    expect(here.article(after.id)).to_have_count(1)
    expect(here.articles).to_have_count(5)


def test_a_decision_that_cannot_be_sent_is_reported(
    visit: Open, fragile: Server, fragile_seed: Seed
) -> None:
    seed = fragile_seed
    seed.clear()
    seed.room()
    alert = seed.alert()
    here = visit(at=fragile)
    here.allow(*GONE)
    here.open(alert.id)
    fragile.kill()
    here.connection("lost")
    here.case.get_by_role("button", name="Dismiss").click()
    form = here.case.get_by_role("form").first
    form.get_by_role("radio").first.check()
    form.get_by_role("textbox").fill("only a joke")
    here.press("Enter")
    said = here.page.get_by_role("alert").filter(
        has_text=re.compile("not saved|answer|reach", re.I)
    )
    expect(said.first).to_be_visible()
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
    fragile.start()
    here.live()
    if not form.get_by_role("radio").count():
        here.case.get_by_role("button", name="Dismiss").click()
    expect(form.get_by_role("textbox")).to_have_value("only a joke")
    form.get_by_role("textbox").press("Enter")
    expect(here.page.get_by_role("button", name="Undo")).to_be_visible()


def test_a_page_opened_before_the_log_was_pruned_reloads_everything(
    visit: Open, fragile: Server, fragile_seed: Seed
) -> None:
    """Its cursor is older than what the log still holds: `feed.reset`."""
    seed = fragile_seed
    seed.clear()
    seed.room()
    here = visit(at=fragile)
    here.allow(*GONE)
    fragile.kill()
    here.connection("lost")
    alert = seed.alert()
    seed.forget_events()
    fragile.start()
    here.live()
    expect(here.article(alert.id)).to_have_count(1)


def test_a_page_that_was_offline_resumes_by_itself(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    with here.offline():
        alert = seed.alert()
    here.live()
    expect(here.article(alert.id)).to_have_count(1)
