"""The list of rooms, and a room's transcript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from service.rooms.room import RoomState
from tests.console.conftest import Open
from tests.console.seeding import Seed
from tests.console.visit import Visit

pytestmark = pytest.mark.browser


def caught(here: Visit, held: list[Route]) -> Route:
    """Return the request that is held back, once the page has made it."""
    for _ in range(400):
        if held:
            return held[0]
        here.page.wait_for_timeout(25)
    raise TimeoutError


def test_rooms_show_their_state_and_its_reason(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.room("chess", "Chess Corner", state=RoomState.LOST, reason="no packets for 10 s")
    here = visit()
    for words in ("Late Night Lounge", "Chess Corner", "no packets for 10 s"):
        expect(here.rooms).to_contain_text(words)
    seed.room_state("lounge", RoomState.DEGRADED, "packets are lost")
    expect(here.rooms).to_contain_text("packets are lost")


def test_an_open_page_shows_rooms_and_speakers_joining_and_leaving(visit: Open, seed: Seed) -> None:
    here = visit()
    seed.room()
    expect(here.rooms).to_contain_text("Late Night Lounge")
    seed.joins("lounge", "bo", "Bo B.")
    expect(here.rooms).to_contain_text("Bo B.")
    seed.leaves("lounge", "bo", "Bo B.")
    expect(here.rooms).not_to_contain_text("Bo B.")
    seed.room_state("lounge", RoomState.ENDED, "closed by request")
    expect(here.rooms).not_to_contain_text("Late Night Lounge")


def test_a_gap_is_shown_in_its_room(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    seed.gap(22)
    expect(here.rooms).to_contain_text("22 s not heard: connection lost")


def test_a_rooms_transcript_marks_its_alerts(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.talk("hello everyone", ago_s=30)
    alert = seed.alert()
    here = visit()
    here.rooms.get_by_role("button", name="Late Night Lounge").click()
    talk = here.page.locator("[data-room='lounge']")
    expect(talk).to_contain_text("hello everyone")
    expect(talk.locator("mark")).to_have_text("send me your gift card codes")
    seed.talk("good night", ago_s=0)
    expect(talk).to_contain_text("good night")
    talk.get_by_role("button", name="Asking for gift card codes").click()
    expect(here.opened(alert.id)).to_be_visible()


def test_overload_and_its_end_are_shown(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    said = here.page.get_by_text("4 s behind")
    seed.behind(4.2)
    expect(said).to_be_visible()
    seed.behind(0)
    expect(said).to_have_count(0)


def test_a_long_transcript_is_followed_trimmed_and_loaded_again(visit: Open, seed: Seed) -> None:
    seed.room()
    for number in range(150):
        seed.talk(f"line {number}.", ago_s=1_000 - number)
    here = visit()
    here.rooms.get_by_role("button", name="Late Night Lounge").click()
    talk = here.page.locator("[data-room='lounge']")
    expect(talk.get_by_text("line 149.", exact=True)).to_be_in_viewport()
    for number in range(150, 700):
        seed.talk(f"line {number}.", ago_s=1_000 - number)
    expect(talk.get_by_text("line 699.", exact=True)).to_be_in_viewport(timeout=30_000)
    expect(talk.get_by_text("line 199.", exact=True)).to_have_count(0)
    expect(talk.get_by_text("line 200.", exact=True)).to_have_count(1)
    begin = talk.get_by_text("line 0.", exact=True)
    for _ in range(6):
        talk.locator(".running").evaluate("box => box.scrollTo(0, 0)")
        expect(talk.locator(".earlier-talk[disabled]")).to_have_count(0)
        if begin.count():
            break
    seed.talk("the newest", ago_s=0)
    expect(talk.get_by_text("the newest")).to_have_count(1)
    expect(begin).to_have_count(1)
    expect(talk.get_by_text("line 150.", exact=True)).to_have_count(1)
    here.page.get_by_role("button", name="To now").click()
    expect(talk.get_by_text("the newest")).to_be_in_viewport()
    expect(begin).to_have_count(0)


def test_an_utterance_that_ends_after_the_next_one_is_followed(visit: Open, seed: Seed) -> None:
    seed.room()
    for number in range(40):
        seed.talk(f"line {number}.", ago_s=500 - number)
    here = visit()
    here.rooms.get_by_role("button", name="Late Night Lounge").click()
    talk = here.page.locator("[data-room='lounge']")
    seed.talk("a short reply", ago_s=3)
    expect(talk.get_by_text("a short reply")).to_be_in_viewport()
    for number in range(4):
        seed.talk(f"began before it {number}", speaker=(f"s{number}", f"Bo {number}"), ago_s=5)
    expect(talk.get_by_text("began before it 3")).to_have_count(1)
    expect(talk.get_by_text("a short reply")).to_be_in_viewport()


def test_a_transcript_that_failed_to_load_can_be_loaded_again(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.talk("said before", ago_s=30)
    here = visit()
    here.allow("/talk net::ERR_FAILED", "net::ERR_FAILED$")
    here.page.route("**/talk?*", lambda route: route.abort(), times=1)
    here.rooms.get_by_role("button", name="Late Night Lounge").click()
    talk = here.page.locator("[data-room='lounge']")
    talk.locator(".earlier-talk").click()
    expect(talk).to_contain_text("said before")


def test_loading_while_lines_are_trimmed_leaves_no_hole(visit: Open, seed: Seed) -> None:
    seed.room()
    for number in range(650):
        seed.talk(f"line {number}.", ago_s=1_000 - number)
    here = visit()
    here.rooms.get_by_role("button", name="Late Night Lounge").click()
    talk = here.page.locator("[data-room='lounge']")
    box = talk.locator(".running")
    while not talk.get_by_text("line 100.", exact=True).count():
        box.evaluate("box => box.scrollTo(0, 0)")
        expect(talk.locator(".earlier-talk[disabled]")).to_have_count(0)
    held: list[Route] = []
    here.page.route("**/talk?*cursor*", lambda route: held.append(route))
    while not held:  # the list may still be moving to where its reader was
        box.evaluate("box => box.scrollTo(0, 1)")
        box.evaluate("box => box.scrollTo(0, 0)")
        here.page.wait_for_timeout(50)
    expect(talk.locator(".earlier-talk[disabled]")).to_have_count(1)
    here.page.get_by_role("button", name="Jump to now").click()
    expect(talk.get_by_text("line 100.", exact=True)).to_have_count(0)
    caught(here, held).continue_()
    here.page.unroute("**/talk?*cursor*")
    expect(talk.locator(".earlier-talk[disabled]")).to_have_count(0)
    while not talk.get_by_text("No earlier transcripts are kept.").count():
        box.evaluate("box => box.scrollTo(0, 0)")
        expect(talk.locator(".earlier-talk[disabled]")).to_have_count(0)
    for number in (0, 100, 149, 150, 649):
        expect(talk.get_by_text(f"line {number}.", exact=True)).to_have_count(1)


def test_a_room_closed_before_its_talk_was_loaded_can_be_opened_again(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    seed.talk("said before", ago_s=30)
    here = visit()
    here.allow("/talk net::ERR_FAILED", "net::ERR_FAILED$")
    held: list[Route] = []
    here.page.route("**/talk?*", lambda route: held.append(route))
    name = here.rooms.get_by_role("button", name="Late Night Lounge")
    name.click()
    talk = here.page.locator("[data-room='lounge']")
    asked = caught(here, held)
    here.page.keyboard.press("Escape")
    expect(talk).to_have_count(0)
    asked.abort()
    here.page.unroute("**/talk?*")
    seed.talk("said meanwhile", ago_s=1)
    seed.room("chess", "Chess Corner")
    expect(here.rooms).to_contain_text("Chess Corner")
    name.click()
    expect(talk).to_contain_text("said before")
    expect(talk).to_contain_text("said meanwhile")


def test_two_rooms_of_one_title_can_be_told_apart(visit: Open, seed: Seed) -> None:
    seed.room("night-1")
    seed.room("night-2")
    seed.room("chess", "Chess Corner")
    alert = seed.alert(room_id="night-2")
    here = visit()
    for one in ("night-1", "night-2"):
        expect(here.rooms.get_by_role("button", name=f"Late Night Lounge {one}")).to_be_visible()
    expect(here.rooms).not_to_contain_text("Chess Corner chess")
    expect(here.article(alert.id)).to_contain_text("Late Night Lounge (night-2)")
    choice = here.page.get_by_label("Room", exact=True)
    expect(choice).to_contain_text("Late Night Lounge (night-1)")


def test_no_room_looks_heard_while_the_page_has_no_connection(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    card = here.page.locator("[data-listed=lounge]")
    expect(card).to_have_attribute("data-state", "listening")
    expect(here.page.get_by_text("All quiet")).to_be_visible()
    with here.offline():
        expect(card).to_have_attribute("data-state", "unknown")
        expect(card).to_contain_text("not known: no connection")
        expect(here.page.get_by_text("All quiet")).to_have_count(0)
    expect(card).to_have_attribute("data-state", "listening")
