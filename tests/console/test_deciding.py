"""Decisions: their reasons, their words in help cases, escalation, and the form's place."""

from __future__ import annotations

import re
from itertools import product

import pytest
from playwright.sync_api import Locator, expect

from tests.console.conftest import Open
from tests.console.seeding import HELP, Seed
from tests.server import Server

pytestmark = pytest.mark.browser

SIZES = ((1440, 900), (1280, 720), (360, 740))
OFFENCE_WORDS = re.compile("broke the rule|uphold|upheld|violation|dismiss|warn", re.I)


def test_no_reason_is_chosen_and_enter_without_one_decides_nothing(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    here.press("u")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    expect(here.case.get_by_role("radio", checked=True)).to_have_count(0)
    here.press("Enter")
    expect(here.case.get_by_role("alert")).to_have_text("Choose a reason.")
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
    expect(here.case.get_by_role("radio", name=re.compile("Serious"))).to_have_count(0)
    here.press("2", "Enter")
    expect(here.article(alert.id)).to_have_attribute("data-state", "resolved")
    expect(here.case.locator(".history")).to_contain_text("Not the first time")


@pytest.mark.usefixtures("lounge")
def test_a_form_never_hides_the_matched_words(visit: Open, seed: Seed) -> None:
    for number in range(9):
        seed.talk("and another thing that somebody said", ago_s=30 - number)
    alert = seed.alert(ago_s=15)
    for number in range(6):
        seed.talk("this was said after it by somebody else", ago_s=12 - number)
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    words = here.case.locator(".own mark")
    for number, (key, (width, height)) in enumerate(product("ume", SIZES)):
        here.page.set_viewport_size({"width": width, "height": height})
        here.press(key)
        expect_shown(words)
        expect_shown(here.case.locator(".decide [type=submit]"))
        if key == "u":
            seed.talk(f"and this is number {number}", ago_s=0)
            expect(here.case.locator(".line").last).to_contain_text(f"number {number}")
            expect_shown(words)
        here.press("Escape")
        expect(here.case.locator(".decide")).to_have_count(0)  # its keys are off only then


def expect_shown(thing: Locator) -> None:
    """Wait until its middle is what a person sees there: in the page, and covered by nothing."""
    middle = """thing => {
      const {left, top, width, height} = thing.getClientRects()[0];
      return thing.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }"""
    for _ in range(300):
        if thing.evaluate(middle):
            return
        thing.page.wait_for_timeout(50)
    raise AssertionError(f"hidden at {thing.page.viewport_size}")


@pytest.mark.usefixtures("lounge")
def test_a_help_case_has_its_own_verbs_reasons_and_steps(visit: Open, seed: Seed) -> None:
    alert = seed.alert(HELP, speaker=("walt", "Walter"))
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    help_ = here.case.get_by_role("region", name="How to help")
    expect(help_.get_by_role("list", name="Helplines").get_by_role("listitem").first).to_have_text(
        re.compile("Example line.*555 0100")
    )
    expect(help_).to_contain_text("Send a message of support.")

    here.press("m")
    form = here.case.get_by_role("form", name="Act in the room")
    expect(form.get_by_role("list", name="Helplines")).to_be_visible()
    expect(form.get_by_role("radio").first).to_have_accessible_name("Send Walter a message")
    expect(form.get_by_role("radio", checked=True)).to_have_count(0)
    here.press("1")
    expect(form.get_by_label(re.compile("Message to the speaker"))).not_to_have_value("")
    here.press("Enter")
    expect(here.case.get_by_role("listitem").filter(has_text="Send Walter")).to_contain_text("done")

    here.press("u")
    expect(here.case.get_by_role("form", name="Supported: help was offered")).to_be_visible()
    here.press("1", "Enter")
    expect(here.page.get_by_role("status").filter(has_text="Supported: help was")).to_be_visible()
    expect(here.case.locator(".history")).to_contain_text("Ann Moderator: help was offered")
    expect(here.case.locator(".history")).to_contain_text("Somebody spoke with them")
    for part in (here.case, here.article(alert.id), here.page.locator(".toasts")):
        expect(part).not_to_contain_text(OFFENCE_WORDS)


def test_a_help_case_ends_without_a_need_by_key(visit: Open, seed: Seed, served: Server) -> None:
    seed.room()
    alert = seed.alert(HELP)
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    here.press("d")
    expect(here.case.get_by_role("form", name=re.compile("Not needed"))).to_be_visible()
    here.press("5", "Enter")
    expect(here.article(alert.id)).to_contain_text("no help needed")
    with served.client() as client:
        assert client.get(f"/v1/alerts/{alert.id}").json()["outcome"] == "not_needed"


def test_an_alert_is_escalated_by_key_and_everybody_sees_to_whom(visit: Open, seed: Seed) -> None:
    seed.room()
    other = seed.alert("harassment-insults", ago_s=60)
    alert = seed.alert()
    watching, here = visit(), visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    here.press("e")
    form = here.case.get_by_role("form", name="Escalate")
    form.get_by_label(re.compile("^To whom")).fill("Night team")
    here.press("Enter")
    expect(here.case.get_by_role("alert")).to_have_text("Say why.")
    form.get_by_label("Why", exact=True).fill("she knows the victim")
    here.press("Enter")
    for one in (here, watching):
        expect(one.article(alert.id)).to_contain_text("escalated to Night team")
    expect(watching.page.locator("[aria-live=polite]").first).to_contain_text(
        "Escalated to Night team: \u2068Mallory\u2069"
    )
    expect(here.case.locator(".case-top")).to_contain_text("escalated to Night team")
    expect(here.case.locator(".history")).to_contain_text("escalated it to Night team")
    expect(here.case.locator(".history")).to_contain_text("she knows the victim")
    watching.page.get_by_label("State").select_option("Escalated")
    expect(watching.article(other.id)).to_have_count(0)
    expect(watching.article(alert.id)).to_have_count(1)
