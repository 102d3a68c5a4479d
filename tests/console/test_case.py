"""An alert opened beside the feed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import Open
from tests.console.seeding import Seed

pytestmark = pytest.mark.browser


def test_the_case_shows_the_talk_of_all_speakers_around_the_alert(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.talk("hello everyone", ago_s=50)
    alert = seed.alert(ago_s=30)
    seed.talk("please do not", ago_s=25, marks=["noise"])
    here = visit()
    here.open(alert.id)
    said = here.case.get_by_role("listitem").filter(
        has_text=re.compile("hello everyone|gift card|please do not")
    )
    expect(said).to_have_count(3)
    expect(said.nth(0)).to_contain_text("Ann")
    expect(said.nth(1).locator("mark")).to_have_text("send me your gift card codes")
    expect(said.nth(2)).to_contain_text("may be noise")


def test_new_talk_appears_in_an_open_case(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    seed.talk("that was not nice", ago_s=0)
    expect(here.case).to_contain_text("that was not nice")


def test_new_talk_does_not_appear_in_an_old_case(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert(ago_s=600)
    here = visit()
    here.open(alert.id)
    expect(here.case).to_contain_text("send me your gift card codes")
    seed.talk("something else now", ago_s=0)
    here.case.get_by_role("button", name="Show what is said in the room now").click()
    expect(here.page.locator("[data-room='lounge']")).to_contain_text("something else now")
    here.open(alert.id)
    expect(here.case).to_contain_text("send me your gift card codes")
    expect(here.case).not_to_contain_text("something else now")
    expect(here.case).not_to_contain_text("of silence")


def test_a_gap_in_the_talk_is_shown_in_its_place(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.gap(22, ago_s=60)
    alert = seed.alert(ago_s=10)
    here = visit()
    here.open(alert.id)
    expect(here.case).to_contain_text("22 s not heard: connection lost")


def test_why_names_the_rule_the_matched_words_and_the_pack(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    why = here.case.get_by_role("region", name=re.compile("^Why"))
    for words in ("Asking for gift card codes", "send me your gift card codes", "1.0.0"):
        expect(why).to_contain_text(words)


def test_the_case_links_to_earlier_alerts_about_the_speaker_in_this_room(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    before = seed.alert("harassment-insults", ago_s=600)
    seed.alert("gambling-promotion", speaker=("ann", "Ann"), ago_s=500)
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    earlier = here.case.get_by_role("region", name=re.compile("^Earlier"))
    expect(earlier.get_by_role("listitem")).to_have_count(1)
    earlier.get_by_role("button").click()
    expect(here.opened(before.id)).to_be_visible()


def test_the_history_lists_the_steps_in_order(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.open(alert.id)
    here.case.get_by_role("button", name="Acknowledge").click()
    expect(here.case.get_by_role("button", name="Acknowledge")).to_have_count(0)
    here.case.get_by_role("textbox").fill("asked her to stop")
    here.case.get_by_role("button", name="Add note").click()
    history = here.case.get_by_role("region", name="History")
    expect(history.get_by_role("listitem")).to_have_count(2)
    expect(history.get_by_role("listitem").nth(1)).to_contain_text("asked her to stop")
    expect(history.get_by_role("listitem").nth(1)).to_contain_text("Ann Moderator")
    expect(here.case.get_by_role("textbox")).to_have_value("")


def test_a_draft_of_a_note_stays_while_another_case_is_open(visit: Open, seed: Seed) -> None:
    seed.room()
    one, other = seed.alert(ago_s=20), seed.alert("harassment-insults", ago_s=10)
    here = visit()
    here.open(one.id)
    here.case.get_by_role("textbox").fill("half a thought")
    here.open(other.id)
    expect(here.case.get_by_role("textbox")).to_have_value("")
    here.open(one.id)
    expect(here.case.get_by_role("textbox")).to_have_value("half a thought")


def test_severe_words_are_shown_in_the_case_and_can_be_hidden(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert("threat-violence")
    here = visit()
    here.open(alert.id)
    expect(here.case).to_contain_text("kill you")
    here.case.get_by_role("button", name="Hide words").click()
    expect(here.case).not_to_contain_text("kill you")
    here.case.get_by_role("button", name="Show words").click()
    expect(here.case).to_contain_text("kill you")


def test_the_open_case_survives_a_reload(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    here.page.reload()
    here.live()
    expect(here.opened(alert.id)).to_be_visible()
