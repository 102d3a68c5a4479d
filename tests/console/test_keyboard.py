"""The console by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.console.conftest import Open
from tests.console.seeding import Seed

pytestmark = pytest.mark.browser


def test_a_case_is_decided_by_keyboard_alone(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.talk("what do you mean", ago_s=20)
    graver = seed.alert("threat-weapon", ago_s=40)
    alert = seed.alert(ago_s=18)
    here = visit(seed.key("Ann Moderator"))
    expect(here.articles).to_have_count(2)

    here.press("j", "j")
    expect(here.article(alert.id)).to_be_focused()
    here.press("k")
    expect(here.article(graver.id)).to_be_focused()
    here.press("j", "Enter")
    expect(here.case).to_contain_text("what do you mean")

    here.press("a")
    expect(here.article(alert.id)).to_have_attribute("data-state", "acknowledged")
    here.press("u")
    reasons = here.case.get_by_role("form").first
    expect(reasons.get_by_role("radio").first).to_be_visible()
    here.press("2")
    expect(reasons.get_by_role("radio").nth(1)).to_be_checked()
    reasons.get_by_role("textbox").focus()
    here.page.keyboard.type("she asked twice")
    here.press("Enter")
    expect(here.page.get_by_role("button", name="Undo")).to_be_visible()
    expect(here.case).to_contain_text("she asked twice")

    here.press("z")
    expect(here.article(alert.id)).to_have_attribute("data-state", "acknowledged")
    here.press("d")
    expect(reasons.get_by_role("radio").first).to_be_visible()
    here.press("Escape")
    expect(reasons.get_by_role("radio")).to_have_count(0)
    here.press("Escape")
    expect(here.opened(alert.id)).to_have_count(0)
    expect(here.article(alert.id)).to_be_focused()


def test_the_keyboard_map_opens_and_closes_by_key(visit: Open, seed: Seed) -> None:
    here = visit()
    here.press("?")
    dialog = here.page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    for key in ("J", "K", "Enter", "A", "U", "D", "Z", "X", "/", "R", "?", "Esc"):
        expect(dialog.locator("kbd", has_text=re.compile(f"^{re.escape(key)}$"))).not_to_have_count(
            0
        )
    here.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_slash_goes_to_the_filters_and_letters_in_a_text_box_are_not_commands(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    expect(here.articles).to_have_count(1)
    here.press("/")
    expect(here.page.locator("select:focus")).to_have_count(1)
    here.press("Escape")
    here.open(alert.id)
    box = here.case.get_by_role("textbox")
    box.click()
    here.page.keyboard.type("a dud? z x 4")
    expect(box).to_have_value("a dud? z x 4")
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
    expect(here.page.get_by_role("dialog")).to_have_count(0)


def test_tab_reaches_every_action_of_an_alert(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.article(alert.id).focus()
    here.press("Tab")
    inside = here.article(alert.id).locator(":focus")
    expect(inside).to_have_count(1)


def test_shortcuts_of_the_browser_still_work(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.article(alert.id).focus()
    here.press("Control+a", "Alt+u", "Meta+d")
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
    expect(here.case.get_by_role("radio")).to_have_count(0)


def test_keys_act_on_the_case_shown_after_going_back(visit: Open, seed: Seed) -> None:
    seed.room()
    first, second = seed.alert(ago_s=40), seed.alert("threat-weapon", ago_s=20)
    here = visit(seed.key("Ann Moderator"))
    here.article(first.id).click()
    here.article(second.id).click()
    expect(here.opened(second.id)).to_have_count(1)
    here.page.go_back()
    expect(here.opened(first.id)).to_have_count(1)

    here.press("a")
    expect(here.article(first.id)).to_have_attribute("data-state", "acknowledged")
    expect(here.article(second.id)).to_have_attribute("data-state", "open")


def test_keys_act_on_the_open_case_after_its_alert_has_left_the_list(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    other, mine = seed.alert(ago_s=40), seed.alert("threat-weapon", ago_s=20)
    here = visit(seed.key("Ann Moderator"))
    here.article(mine.id).click()
    here.press("d")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    here.press("2", "Enter")
    expect(here.article(mine.id)).to_have_count(0, timeout=15_000)
    here.case.get_by_role("button", name="Reopen").click()
    expect(here.article(mine.id)).to_have_attribute("data-state", "open")

    here.press("a")
    expect(here.article(mine.id)).to_have_attribute("data-state", "acknowledged")
    expect(here.article(other.id)).to_have_attribute("data-state", "open")


def test_steps_reach_the_server_in_the_order_of_the_keys(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.article(alert.id).click()
    held: list[Route] = []
    here.page.route("**/acknowledge", lambda route: held.append(route))
    here.press("a")
    expect(here.article(alert.id)).to_have_attribute("data-state", "acknowledged")
    here.press("d")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    here.press("2", "Enter")
    expect(here.article(alert.id)).to_have_attribute("data-state", "resolved")
    here.page.wait_for_timeout(300)  # a decision that did not wait would be at the server now
    held[0].continue_()
    history = here.case.locator(".history")
    expect(history.get_by_role("listitem")).to_have_count(2)
    expect(history).to_contain_text("dismissed")


def test_enter_before_the_box_has_the_focus_leaves_the_box_open(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.article(alert.id).click()
    here.press("d")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    here.article(alert.id).focus()
    here.press("Enter")
    expect(here.case.get_by_role("radio").first).to_be_visible()
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
