"""Filters of the feed, and the address that keeps them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from policies.severity import Severity
from tests.console.conftest import Open
from tests.console.seeding import Seed

pytestmark = pytest.mark.browser


@pytest.fixture
def four(seed: Seed) -> dict[str, str]:
    """Raise alerts in two rooms, from low to critical."""
    seed.room()
    seed.room("chess", "Chess Corner")
    return {
        "low": seed.alert("gambling-promotion", ago_s=60).id,
        "medium": seed.alert("harassment-insults", "chess", ago_s=50).id,
        "high": seed.alert("scam-gift-cards", "chess", ago_s=40).id,
        "critical": seed.alert("threat-weapon", ago_s=30).id,
    }


def test_each_filter_narrows_the_feed_and_changes_the_address(
    visit: Open, four: dict[str, str]
) -> None:
    here = visit()
    expect(here.articles).to_have_count(4)
    here.page.get_by_label("Minimum severity").select_option("high")
    expect(here.articles).to_have_count(2)
    expect(here.page).to_have_url(re.compile("severity=high"))
    here.page.get_by_label("Room", exact=True).select_option("chess")
    expect(here.articles).to_have_count(1)
    expect(here.article(four["high"])).to_be_visible()
    expect(here.page).to_have_url(re.compile("room=chess"))


def test_alerts_are_filtered_by_category(visit: Open, four: dict[str, str]) -> None:
    here = visit()
    here.page.get_by_label("Category").select_option("hate")
    expect(here.articles).to_have_count(1)
    expect(here.article(four["medium"])).to_be_visible()


def test_a_reload_and_the_back_button_keep_the_filters(visit: Open, four: dict[str, str]) -> None:
    here = visit()
    expect(here.articles).to_have_count(4)
    here.page.get_by_label("Minimum severity").select_option("high")
    expect(here.articles).to_have_count(2)
    here.page.get_by_label("Room", exact=True).select_option("chess")
    expect(here.articles).to_have_count(1)
    address = here.page.url
    here.page.reload()
    here.live()
    assert here.page.url == address
    expect(here.articles).to_have_count(1)
    expect(here.page.get_by_label("Minimum severity")).to_have_value("high")
    here.page.go_back()
    expect(here.articles).to_have_count(2)
    expect(here.page.get_by_label("Room", exact=True)).to_have_value("")
    here.page.go_forward()
    expect(here.articles).to_have_count(1)


def test_a_link_with_filters_applies_them(visit: Open, four: dict[str, str]) -> None:
    here = visit(path="/?room=lounge&severity=critical")
    expect(here.articles).to_have_count(1)
    expect(here.article(four["critical"])).to_be_visible()


def test_bad_filters_in_the_address_are_ignored(visit: Open, four: dict[str, str]) -> None:
    here = visit(path="/?severity=terrible&state=%3Cb%3E&category=nonsense&what=else")
    expect(here.articles).to_have_count(4)


def test_a_new_alert_outside_the_filter_is_not_shown(
    visit: Open, four: dict[str, str], seed: Seed
) -> None:
    here = visit(path="/?room=chess")
    expect(here.articles).to_have_count(2)
    elsewhere = seed.alert(room_id="lounge")
    inside = seed.alert(room_id="chess")
    expect(here.article(inside.id)).to_be_visible()
    expect(here.article(elsewhere.id)).to_have_count(0)


def test_filters_without_results_can_be_cleared(
    visit: Open, four: dict[str, str], seed: Seed
) -> None:
    seed.room("empty", "Empty Hall")
    here = visit(path="/?room=empty")
    expect(here.articles).to_have_count(0)
    here.page.get_by_role("button", name="Clear filters").click()
    expect(here.articles).to_have_count(4)


def test_number_keys_set_the_minimum_severity(visit: Open, four: dict[str, str]) -> None:
    here = visit()
    expect(here.articles).to_have_count(4)
    least = here.page.get_by_label("Minimum severity")
    for key, severity, count in (("3", Severity.HIGH, 2), ("4", Severity.CRITICAL, 1)):
        here.press(key)
        expect(least).to_have_value(severity.value)
        expect(here.articles).to_have_count(count)
    here.press("1")
    expect(here.articles).to_have_count(4)


def test_resolved_alerts_can_be_listed(visit: Open, four: dict[str, str], seed: Seed) -> None:
    here = visit()
    expect(here.articles).to_have_count(4)
    here.page.evaluate(
        """id => fetch(`/v1/alerts/${id}/resolve`, {method: 'POST',
             headers: {'Content-Type': 'application/json'},
             body: JSON.stringify({outcome: 'upheld', reason: ''})})""",
        four["high"],
    )
    here.page.get_by_label("State").select_option("resolved")
    expect(here.articles).to_have_count(1)
    expect(here.article(four["high"])).to_be_visible()
