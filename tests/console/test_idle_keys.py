"""Keys that have no effect now, and say why."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from service.access.keys import Role
from service.alerts.alert import Outcome
from tests.console.conftest import Open
from tests.console.seeding import Seed
from tests.console.visit import Visit

pytestmark = pytest.mark.browser


def says(here: Visit, key: str, text: str) -> None:
    here.press(key)
    expect(here.page.get_by_role("status").filter(has_text=text)).to_be_visible()


def test_keys_about_an_alert_ask_for_one_if_none_is_chosen(visit: Open, seed: Seed) -> None:
    here = visit()
    says(here, "j", "There is no alert in the list.")
    for key in "audmex":
        says(here, key, "Choose an alert first.")
        here.page.evaluate("document.querySelector('.toast.hint').textContent = ''")
    says(here, "z", "There is nothing to undo.")
    says(here, "r", "No rooms yet.")
    here.press("p")
    expect(here.page.get_by_role("heading", name="Rules")).to_be_focused()
    says(here, "m", "Go back to the alerts first: press Esc.")


def test_keys_say_which_state_of_the_alert_is_in_the_way(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    says(here, "j", "This is the last alert.")
    says(here, "x", "No words are masked here.")
    here.press("u")
    expect(here.case.get_by_role("radio").first).to_be_focused()
    says(here, "m", "Finish the form first, or press Esc.")
    here.press("Escape")
    seed.decide(alert, Outcome.UPHELD)
    here.page.reload()
    here.live()
    expect(here.opened(alert.id)).to_have_attribute("data-state", "resolved")
    says(here, "a", "The alert is already decided. Reopen it first.")


def test_an_observer_learns_why_a_key_does_nothing(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Olga", Role.OBSERVER))
    says(here, "p", "Your key does not show the rules")
    here.open(alert.id)
    for key in "audme":
        here.press(key)
        notice = here.page.get_by_role("alert").filter(has_text="lets you read alerts")
        expect(notice.first).to_be_visible()
        notice.first.locator("xpath=..").get_by_role("button").click()
        expect(notice).to_have_count(0)
