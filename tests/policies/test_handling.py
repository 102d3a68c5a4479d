from __future__ import annotations

import pytest

from policies.handling import Handling, handling_of
from policies.load import load_folder
from policies.packs import demo_packs, shipped_packs
from policies.taxonomy import SUBCATEGORIES, Category


@pytest.mark.parametrize("category", list(Category))
def test_only_somebody_at_risk_is_offered_help(category: Category) -> None:
    at_risk = category is Category.SUICIDE_SELF_HARM
    assert (handling_of(category) is Handling.HELP) == at_risk
    for subcategory in SUBCATEGORIES[category]:
        expected = at_risk and subcategory != "encouragement"
        assert (handling_of(category, subcategory) is Handling.HELP) == expected


def test_an_unknown_category_of_an_earlier_release_is_an_offence() -> None:
    assert handling_of("fraud") is Handling.OFFENCE


def test_a_page_promises_to_hold_nothing_against_anyone_only_where_that_is_so() -> None:
    for pack in [*load_folder(shipped_packs()), *load_folder(demo_packs())]:
        handlings = set()
        for rule in pack.policies:
            handlings.add(handling_of(rule.category, rule.subcategory or ""))
            if "never held against" in rule.description:
                assert handling_of(rule.category, rule.subcategory or "") is Handling.HELP
        if "never held against" in pack.description and Handling.OFFENCE in handlings:
            assert "is against the rules" in pack.description
