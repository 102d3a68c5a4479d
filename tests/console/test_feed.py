"""The feed of alerts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from policies.severity import Severity
from tests.console.conftest import Open
from tests.console.seeding import Seed

pytestmark = pytest.mark.browser

FOLDED_MS = 30_000
"""Longest wait for an alert that leaves by itself: it stays at most 10 s."""


def test_without_rooms_the_page_says_how_to_begin(visit: Open, seed: Seed) -> None:
    here = visit()
    expect(here.page.get_by_text("No room is listened to yet", exact=True)).to_be_visible()
    expect(here.page.get_by_role("main").locator("code, pre").first).to_be_visible()


def test_without_alerts_the_page_counts_rooms_and_speakers(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.room("chess", "Chess Corner")
    here = visit()
    for room, name in (("lounge", "ann"), ("lounge", "mallory"), ("chess", "bo")):
        seed.joins(room, name, name.title())
    quiet = here.page.get_by_role("region", name="Feed")
    expect(quiet).to_contain_text(re.compile(r"2 rooms, 3 speakers, no alert"))


def test_an_alert_shows_speaker_room_words_and_rule(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    alert = seed.alert()
    article = here.article(alert.id)
    for words in ("please", "Mallory", "Late Night Lounge", "Asking for gift card codes"):
        expect(article).to_contain_text(words)
    expect(article).to_contain_text(re.compile("high", re.IGNORECASE))
    expect(article).to_have_attribute("data-severity", "high")
    expect(article.locator("mark")).to_have_text("send me your gift card codes")
    expect(article.get_by_role("button", name="Acknowledge")).to_be_visible()
    expect(article.locator("time[datetime]").first).to_be_visible()


def test_severe_words_are_masked_until_somebody_shows_them(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert("threat-violence")
    here = visit()
    article = here.article(alert.id)
    expect(article).to_contain_text("if you come here I will k")
    expect(article).to_contain_text("masked")
    expect(article).not_to_contain_text("will kill")
    article.focus()
    here.press("x")
    expect(article).to_contain_text("will kill you")
    here.press("x")
    expect(article).not_to_contain_text("will kill")
    article.press("Enter")
    expect(here.case).to_contain_text("kill you")


@pytest.mark.parametrize("rule", ["scam-gift-cards", "gambling-promotion"])
def test_words_of_other_categories_are_not_masked(rule: str, visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert(rule)
    here = visit()
    expect(here.article(alert.id).locator("mark")).not_to_contain_text("●")


def test_a_provisional_alert_becomes_solid_in_place(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    alert = seed.alert(provisional=True)
    article = here.article(alert.id)
    expect(article).to_contain_text("still speaking")
    before = article.element_handle()
    seed.confirm(alert)
    expect(article).not_to_contain_text("still speaking")
    assert here.page.evaluate("([a, b]) => a === b", [before, article.element_handle()])


def test_a_retracted_alert_is_struck_and_folds_away(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    alert = seed.alert(provisional=True)
    expect(here.article(alert.id)).to_be_visible()
    seed.retract(alert)
    expect(here.article(alert.id)).to_contain_text("retracted: not confirmed")
    expect(here.article(alert.id)).to_have_count(0, timeout=FOLDED_MS)


def test_repeats_raise_a_counter_and_no_new_cards(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    alert = seed.alert()
    expect(here.articles).to_have_count(1)
    seed.repeat(alert, 2)
    expect(here.article(alert.id)).to_contain_text(re.compile("[x×]3"))
    expect(here.articles).to_have_count(1)


def test_the_most_severe_alerts_come_first(visit: Open, seed: Seed) -> None:
    seed.room()
    critical = seed.alert("threat-weapon", ago_s=300)
    low = seed.alert("gambling-promotion", ago_s=200)
    high = seed.alert(ago_s=100)
    here = visit()
    expect(here.articles).to_have_count(3)
    shown = here.articles.evaluate_all("found => found.map(one => one.dataset.alert)")
    assert shown == [critical.id, high.id, low.id]


def test_new_alerts_wait_behind_a_pill_while_the_pointer_is_in_the_list(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    first = seed.alert()
    here = visit()
    here.article(first.id).hover()
    seed.burst(3)
    pill = here.page.get_by_role("button", name=re.compile("^[23] new$"))
    expect(pill).to_be_visible()
    expect(here.article(first.id)).to_be_visible()
    pill.click()
    expect(here.articles).to_have_count(4)


def test_a_critical_alert_is_shown_and_announced_at_once(visit: Open, seed: Seed) -> None:
    seed.room()
    first = seed.alert()
    here = visit()
    here.article(first.id).hover()
    critical = seed.alert("threat-weapon")
    expect(here.article(critical.id)).to_be_visible()
    assertive = here.page.locator("[aria-live=assertive]")
    expect(assertive).to_contain_text(re.compile("critical", re.IGNORECASE))
    expect(assertive).to_contain_text(f"\u2068{critical.speaker_name}\u2069 in ")


def test_a_burst_of_fifty_alerts_is_shown_in_full(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit()
    found = seed.burst(50)
    gravest = [alert for alert in found if alert.severity is Severity.CRITICAL]
    for alert in gravest[:3]:
        expect(here.article(alert.id)).to_be_visible()
    feed = here.page.get_by_role("region", name="Feed")
    expect(feed).to_contain_text(re.compile(r"\b50\b"))


def test_acknowledging_is_one_press_and_shows_who(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    article = here.article(alert.id)
    article.get_by_role("button", name="Acknowledge").click()
    expect(article).to_have_attribute("data-state", "acknowledged")
    here.open(alert.id)
    expect(here.case).to_contain_text("Ann Moderator")


def test_a_decision_can_be_undone(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    here.open(alert.id)
    here.decide("Dismiss")
    undo = here.page.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    undo.click()
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")
    expect(undo).to_have_count(0)


def test_a_decided_alert_leaves_when_undo_is_over(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    other = seed.alert("harassment-insults", ago_s=60)
    here = visit()
    here.open(alert.id)
    here.decide("Dismiss")
    here.press("Escape")
    expect(here.page.get_by_role("button", name="Undo")).to_be_visible()
    expect(here.page.get_by_role("button", name="Undo")).to_have_count(0, timeout=FOLDED_MS)
    expect(here.article(alert.id)).to_have_count(0, timeout=FOLDED_MS)
    expect(here.article(other.id)).to_be_visible()


def test_an_alert_of_a_removed_rule_is_still_shown(visit: Open, seed: Seed) -> None:
    """The pack may have been replaced since."""
    seed.room()
    here = visit()
    alert = seed.alert("no-longer-there", said="whatever it was")
    expect(here.article(alert.id)).to_contain_text("no-longer-there")


def test_the_page_says_that_the_demo_model_is_in_use(visit: Open, seed: Seed) -> None:
    here = visit()
    said = here.page.get_by_text("demo model: understands only the simulated voices")
    expect(said).to_be_visible()


def test_the_age_of_an_alert_grows(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    here = visit()
    time = here.article(alert.id).locator("time").first
    before = time.inner_text()
    expect(time).not_to_have_text(before)


_AT_TOP = """() => {
  const list = document.querySelector(".feed .list");
  const from = list.getBoundingClientRect().top;
  const rows = [...list.querySelectorAll("[data-row]")];
  const row = rows.find((one) => one.getBoundingClientRect().bottom > from + 1);
  return row && [row.dataset.row, Math.round(row.getBoundingClientRect().top - from)];
}"""


def test_the_top_row_stays_when_the_window_changes_its_width(visit: Open, seed: Seed) -> None:
    seed.room()
    seed.alerts(600)
    here = visit()
    expect(here.articles.first).to_be_visible()
    for _ in range(6):
        here.page.evaluate("document.querySelector('.feed .list').scrollTop += 3000")
        here.page.wait_for_timeout(150)
    _settled(here.page)
    here.page.evaluate(f"document.querySelector('.feed .list').scrollTop += ({_AT_TOP})()[1] + 10")
    before = _settled(here.page)
    for width in (900, 420, 1280):
        here.page.set_viewport_size({"width": width, "height": 800})
        here.page.wait_for_timeout(300)
        assert _settled(here.page) == before


def _settled(page: Page) -> str:
    """Return the row at the top, once the list has stopped moving."""
    found = page.evaluate(_AT_TOP)
    for _ in range(50):
        page.wait_for_timeout(100)
        again = page.evaluate(_AT_TOP)
        if again == found and again is not None:
            break
        found = again
    return str(found[0])
