"""Actions in a room, from an alert's case."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from service.access.keys import Role
from tests.console.conftest import Open
from tests.console.seeding import Seed
from tests.console.visit import Visit

pytestmark = pytest.mark.browser


def acting(here: Visit) -> Visit:
    here.press("m")
    expect(here.case.get_by_role("form", name="Act in the room")).to_be_visible()
    expect(here.case.get_by_role("radio").first).to_be_focused()
    return here


@pytest.mark.usefixtures("lounge")
def test_a_speaker_is_muted_by_keyboard_and_the_result_is_shown(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("1", "Tab")
    here.page.keyboard.type("asked for codes")
    here.press("Enter")
    line = here.case.get_by_role("listitem").filter(has_text="Mute Mallory")
    expect(line).to_contain_text("Ann Moderator: Mute Mallory")
    expect(line).to_contain_text("done · the speaker is not heard here")
    expect(line).to_contain_text("asked for codes")
    expect(here.case.get_by_text("muted", exact=True).first).to_be_visible()
    acting(here)
    expect(here.case.get_by_role("radio").first).to_have_accessible_name("Unmute Mallory")
    here.press("1", "Enter")
    expect(here.case.get_by_role("listitem").filter(has_text="Unmute Mallory")).to_contain_text(
        "done"
    )


@pytest.mark.usefixtures("lounge")
def test_a_failed_action_shows_its_reason(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("2")
    here.case.get_by_label(re.compile("Message to the speaker")).fill("Please stop")
    here.case.get_by_role("button", name=re.compile("Warn Mallory")).click()
    line = here.case.get_by_role("listitem").filter(has_text="Warn Mallory")
    expect(line).to_contain_text("failed · no webhook takes action.requested")
    expect(line).to_contain_text("Please stop")
    expect(here.page.get_by_text("failed: Warn \u2068Mallory\u2069")).to_be_visible()


@pytest.mark.usefixtures("lounge")
def test_ending_a_room_needs_a_confirmation(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("4")
    end = here.case.get_by_role("button", name=re.compile("End the room"))
    here.press("Enter")
    expect(here.case.get_by_role("alert")).to_have_text("Confirm that the room ends for everybody.")
    expect(end).to_be_visible()
    here.case.get_by_role("checkbox").check()
    end.click()
    line = here.case.get_by_role("listitem").filter(has_text="End the room")
    expect(line).to_contain_text("done · the room is closed")


@pytest.mark.usefixtures("lounge")
def test_another_page_shows_an_action_live(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    watching, here = visit(), visit(seed.key("Ann Moderator"))
    for one in (watching, here):
        one.open(alert.id)
    acting(here)
    here.press("1", "Enter")
    line = watching.case.get_by_role("listitem").filter(has_text="Mute Mallory")
    expect(line).to_contain_text("done")


def test_a_room_without_actions_offers_none(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    expect(here.case).to_contain_text("Why")
    expect(here.case.get_by_role("button", name=re.compile("^Act"))).to_have_count(0)
    here.press("m")
    expect(here.case.get_by_role("form", name="Act in the room")).to_have_count(0)


@pytest.mark.usefixtures("lounge")
def test_an_observer_is_offered_no_actions(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit(seed.key("Olga", Role.OBSERVER))
    here.open(alert.id)
    expect(here.case).to_contain_text("Read-only")
    expect(here.case.get_by_role("button", name=re.compile("^Act"))).to_have_count(0)


@pytest.mark.usefixtures("lounge")
def test_escape_goes_back_one_step_and_keeps_the_typed_text(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    acting(here)
    here.case.get_by_label(re.compile("^Reason, kept on record")).fill("half a sentence")
    here.press("Escape")
    expect(here.case.get_by_role("form", name="Act in the room")).to_have_count(0)
    acting(here)
    expect(here.case.get_by_label(re.compile("^Reason, kept on record"))).to_have_value(
        "half a sentence"
    )


def test_a_muted_speaker_is_marked_in_the_list_of_rooms(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    seed.joins("lounge", "mallory", "Mallory", muted=True)
    row = here.rooms.get_by_role("listitem").filter(has_text="Mallory").last
    expect(row).to_contain_text("muted")
    seed.joins("lounge", "mallory", "Mallory")
    expect(row).not_to_contain_text("muted")
