"""The report on rules, and alerts for review."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from policies.match import Action, Layer, RuleStatus
from policies.severity import Severity
from service.access.keys import Role
from service.alerts.alert import Outcome
from tests.console.conftest import Open
from tests.console.seeding import Seed, a_hit

pytestmark = pytest.mark.browser

SOUNDS = """
let notes = 0;
const nothing = new Proxy(() => nothing, { get: () => nothing, set: () => true });
window.AudioContext = class {
  state = "running";
  currentTime = 0;
  createGain() { return nothing; }
  createOscillator() {
    document.documentElement.dataset.notes = notes += 1;
    return nothing;
  }
};
localStorage.setItem("earshot.prefs", '{"sound": "all"}');
"""
"""Script that counts the notes played: five for a critical alert, one for a low one."""


def test_a_key_opens_the_report_on_rules(visit: Open, seed: Seed) -> None:
    seed.room()
    tried = a_hit("tried-out", RuleStatus.SHADOW)
    first, second = (seed.alert(ago_s=ago_s, also=[tried]) for ago_s in (40, 30))
    seed.hit(tried, ago_s=20)
    seed.decide(first, Outcome.UPHELD)
    seed.decide(second, Outcome.DISMISSED)
    here = visit(seed.key("Ann Moderator"))
    here.press("p")
    rules = here.page.get_by_role("region", name="Rules", exact=True)
    row = rules.get_by_role("row").filter(has_text="Asking for gift card codes")
    expect(row.get_by_role("cell")).to_have_text(
        ["2", re.compile(r"\d"), "2", "0", "1", "1", re.compile("50% 9% to 91%")]
    )
    shadow = rules.get_by_role("listitem").filter(has_text="tried-out")
    expect(shadow).to_contain_text("3 matches")
    expect(shadow.locator("[data-part=alone] .part-count")).to_have_text("1")
    expect(shadow.locator("[data-part=together]")).to_contain_text("Asking for gift card codes 2")
    here.press("Escape")
    expect(rules).to_have_count(0)
    expect(here.page.get_by_role("button", name="Rules", exact=True)).to_be_focused()


def test_the_address_keeps_the_report_and_keys_there_decide_about_no_hidden_alert(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert()
    here = visit(seed.key("Ann Moderator"))
    here.article(alert.id).focus()
    here.page.get_by_role("button", name="Rules", exact=True).click()
    here.page.reload()
    here.live()
    expect(here.page.get_by_role("heading", name="Rules", exact=True)).to_be_focused()
    here.press("a")
    here.page.go_back()
    expect(here.article(alert.id)).to_have_attribute("data-state", "open")


def test_an_observer_reads_the_members_page(visit: Open, seed: Seed) -> None:
    seed.room()
    here = visit(seed.key("Obi", Role.OBSERVER), "/?view=rules")
    expect(here.page.get_by_role("link", name="Rules", exact=True)).to_have_attribute(
        "href", "/rules"
    )
    expect(here.page.get_by_role("region", name="Feed", exact=True)).to_be_visible()


def test_a_case_says_how_the_words_matched_and_which_exception_applies(
    visit: Open, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert(
        "of-a-pack-that-is-gone",
        said="send me the codes",
        title="Codes of old",
        excused_by=("negated by “never”", "the transcript may be noise"),
        actions=(Action.ALERT, Action.SUGGEST_WARN),
        layer=Layer.PHONES,
        distance=0.13,
        raised_from=Severity.LOW,
    )
    here = visit()
    here.open(alert.id)
    why = here.case.get_by_role("region", name=re.compile("^Why"))
    for words in (
        "Codes of old",
        "sounds like the rule's words, 13 % different",
        "raised from Low to Medium",
        "warn the speaker",
    ):
        expect(why).to_contain_text(words)
    for term, reason in (("Exception", "negation: “never”"), ("Doubt", "may be noise")):
        row = why.locator("dt").filter(has_text=re.compile(f"^{term}$")).locator("+ dd")
        expect(row).to_have_text(reason)


def test_an_alert_for_review_says_so_and_sounds_no_alarm(visit: Open, seed: Seed) -> None:
    seed.room()

    def listen(context: BrowserContext) -> None:
        context.add_init_script(SOUNDS)

    here = visit(before=listen)
    to_review = seed.alert("threat-weapon", review=True)
    expect(here.article(to_review.id)).to_contain_text("for review")
    grave = seed.alert("gambling-promotion")
    expect(here.article(grave.id)).not_to_contain_text("for review")
    expect(here.page.locator("html")).to_have_attribute("data-notes", "1")
