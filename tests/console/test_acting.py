"""Actions in a room, from an alert's case."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from service.access.keys import Role
from service.rooms.room import RoomState
from tests.console.conftest import LOUNGE, Open
from tests.console.room_server import SILENT, RoomServer
from tests.console.seeding import Seed
from tests.console.visit import Visit
from tests.server import Server

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
    line = here.case.get_by_role("listitem").filter(has_text="Mute Mallory").last
    expect(line).to_contain_text("Ann Moderator: Mute Mallory")
    expect(line).to_contain_text("done · carried out")
    expect(line).to_contain_text("asked for codes")
    expect(here.case.get_by_text("muted", exact=True).first).to_be_visible()
    acting(here)
    expect(here.case.get_by_role("radio").first).to_have_accessible_name("Unmute Mallory")
    here.press("1", "Enter")
    expect(here.case.get_by_role("listitem").filter(has_text="Unmute Mallory")).to_contain_text(
        "done"
    )


@pytest.mark.usefixtures("lounge")
def test_no_action_is_chosen_for_the_person(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("Enter")
    expect(here.case.get_by_role("alert")).to_have_text("Choose an action.")
    expect(here.case.get_by_role("radio", checked=True)).to_have_count(0)
    expect(here.case.locator(".history")).to_have_count(0)


def test_an_action_is_pending_until_the_room_server_confirms_it(
    visit: Open, seed: Seed, served: Server, lounge: RoomServer
) -> None:
    lounge.answer = SILENT
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("1", "Enter")
    awaited = here.case.locator("[data-outstanding=mute_speaker]")
    expect(awaited).to_contain_text("waiting for the room server")
    expect(awaited).to_contain_text(re.compile(r"\d+ s left"))
    expect(awaited).to_contain_text("delivered, not confirmed")
    expect(here.case.get_by_text("muted", exact=True)).to_have_count(0)

    with served.client() as client:
        result = {"outcome": "done", "reason": "muted in the mixer"}
        path = f"/v1/actions/{lounge.asked[0]['id']}/result"
        assert client.post(path, json=result).status_code == 200
    expect(awaited).to_have_count(0)
    expect(here.case.get_by_text("muted", exact=True).first).to_be_visible()


def test_a_failed_action_is_told_to_everybody_until_somebody_has_seen_it(
    visit: Open, seed: Seed, lounge: RoomServer
) -> None:
    lounge.answer = {"outcome": "failed", "reason": "no such member"}
    alert = seed.alert()
    other, here = visit(seed.key("Ben")), visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("2")
    here.case.get_by_label(re.compile("Message to the speaker")).fill("Please stop")
    here.case.get_by_role("button", name=re.compile("Warn Mallory")).click()
    expect(here.case.locator("[data-outstanding=warn]")).to_contain_text("failed · no such member")
    line = here.case.get_by_role("listitem").filter(has_text="Warn Mallory").last
    expect(line).to_contain_text("failed · no such member")
    expect(line).to_contain_text("Please stop")

    said = "Failed: Warn \u2068Mallory\u2069 in Late Night Lounge: no such member"
    for one in (here, other):
        expect(one.page.locator("[aria-live=assertive]")).to_have_text(said)
        expect(one.page.get_by_role("alert").filter(has_text="no such member").last).to_be_visible()
    mark = other.article(alert.id).get_by_text("failed: Warn")
    expect(mark).to_be_visible()
    expect(here.article(alert.id).get_by_text("failed: Warn")).to_have_count(0)
    other.page.reload()
    other.live()
    expect(mark).to_be_visible()
    other.open(alert.id)
    expect(mark).to_have_count(0)

    lounge.answer = {"outcome": "done"}
    other.case.get_by_role("button", name="Try again").click()
    expect(here.case.locator("[data-outstanding=warn]")).to_have_count(0)
    assert [one["message"] for one in lounge.asked] == ["Please stop", "Please stop"]


def test_a_late_result_is_shown_as_late(
    visit: Open, seed: Seed, served: Server, lounge: RoomServer
) -> None:
    lounge.answer = SILENT
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    acting(here)
    here.press("1", "Enter")
    expect(here.case.locator("[data-outstanding=mute_speaker]")).to_contain_text("delivered, not")
    seed.expire_actions()
    with served.client() as client:
        path = f"/v1/actions/{lounge.asked[0]['id']}/result"
        assert client.post(path, json={"outcome": "done"}).status_code == 200
    line = here.case.get_by_role("listitem").filter(has_text="Mute Mallory").last
    expect(line).to_contain_text("done · late")
    expect(here.page.locator("[aria-live=polite]").first).to_contain_text("Late: Mute")


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
    expect(line).to_contain_text("done · carried out")


@pytest.mark.usefixtures("lounge")
def test_another_page_shows_an_action_live(visit: Open, seed: Seed) -> None:
    alert = seed.alert()
    watching, here = visit(), visit(seed.key("Ann Moderator"))
    for one in (watching, here):
        one.open(alert.id)
    acting(here)
    here.press("1", "Enter")
    line = watching.case.get_by_role("listitem").filter(has_text="Mute Mallory").last
    expect(line).to_contain_text("done")


@pytest.mark.parametrize(
    ("state", "why"),
    [(RoomState.ENDED, "The room has ended."), (RoomState.LOST, "The connection to the room")],
)
def test_the_button_says_why_no_action_is_possible_before_it_is_pressed(
    state: RoomState, why: str, visit: Open, seed: Seed
) -> None:
    seed.room(state=state)
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    button = here.case.get_by_role("button", name=re.compile("^Act"))
    expect(button).to_be_disabled()
    expect(button).to_have_accessible_description(re.compile(why))
    expect(here.case.get_by_text(why)).to_be_visible()
    here.press("m")
    expect(here.page.get_by_role("status").filter(has_text=why)).to_be_visible()
    expect(here.case.get_by_role("form", name="Act in the room")).to_have_count(0)


def test_a_room_without_a_webhook_says_so_beside_the_button(
    visit: Open, seed: Seed, served: Server
) -> None:
    with served.client() as client:
        assert client.post("/v1/rooms", json=LOUNGE).status_code == 201
        here = visit()
        here.open(seed.alert().id)
        expect(here.case.get_by_text("No webhook takes actions")).to_be_visible()
        client.delete("/v1/rooms/lounge")


@pytest.mark.usefixtures("lounge")
def test_an_open_case_learns_that_its_room_has_ended(
    visit: Open, seed: Seed, served: Server
) -> None:
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    expect(here.case.get_by_role("button", name=re.compile("^Act"))).to_be_enabled()
    with served.client() as client:
        client.delete("/v1/rooms/lounge")
    expect(here.case.get_by_text("The room has ended.")).to_be_visible()


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
