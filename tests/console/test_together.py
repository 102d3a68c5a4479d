"""Two people on two pages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from tests.console.conftest import Open
from tests.console.seeding import Seed
from tests.console.visit import REFUSED_409
from tests.server import Server

pytestmark = pytest.mark.browser


def test_a_decision_on_one_page_is_shown_on_the_other(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    ann, bo = visit(seed.key("Ann")), visit(seed.key("Bo"))
    bo.open(alert.id)
    ann.open(alert.id)
    ann.case.get_by_role("button", name="Acknowledge").click()
    expect(bo.article(alert.id)).to_have_attribute("data-state", "acknowledged")
    expect(bo.case).to_contain_text("Ann")
    ann.decide("Uphold")
    shown = bo.opened(alert.id)
    expect(shown).to_have_attribute("data-state", "resolved")
    expect(bo.case.get_by_role("region", name="History").get_by_role("listitem")).to_have_count(2)


def test_a_late_decision_names_the_first_and_keeps_the_draft(
    visit: Open, served: Server, seed: Seed
) -> None:
    seed.room()
    alert = seed.alert()
    ann = seed.key("Ann")

    def ann_first(route: Route) -> None:
        with served.client(ann) as client:
            body = {"outcome": "upheld", "reason": "broke the rule"}
            assert client.post(f"/v1/alerts/{alert.id}/resolve", json=body).status_code == 200
        route.continue_()

    # Set before the page opens: in an open page a request may slip past a new route.
    bo = visit(seed.key("Bo"), before=lambda context: context.route("**/resolve", ann_first))
    bo.allow(*REFUSED_409)
    bo.open(alert.id)
    bo.case.get_by_role("button", name="Dismiss").click()
    bo.case.get_by_role("radio").first.check()
    bo.case.get_by_role("form").first.get_by_role("textbox").fill("only a joke")
    bo.press("Enter")
    expect(bo.page.get_by_text(re.compile("Ann.*upheld", re.IGNORECASE)).first).to_be_visible()
    shown = bo.opened(alert.id)
    expect(shown).to_have_attribute("data-state", "resolved")
    shown.get_by_role("button", name="Reopen").click()
    bo.case.get_by_role("button", name="Dismiss").click()
    words = bo.case.get_by_role("form").first.get_by_role("textbox")
    expect(words).to_have_value("only a joke")


def test_a_case_can_be_taken_over(visit: Open, seed: Seed) -> None:
    seed.room()
    alert = seed.alert()
    ann, bo = visit(seed.key("Ann")), visit(seed.key("Bo"))
    ann.open(alert.id)
    ann.case.get_by_role("button", name="Acknowledge").click()
    bo.open(alert.id)
    bo.case.get_by_role("button", name="Take over").click()
    expect(ann.case.get_by_role("button", name="Take over")).to_be_visible()
    expect(ann.case).to_contain_text("Bo")
