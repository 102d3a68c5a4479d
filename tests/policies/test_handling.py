from __future__ import annotations

import pytest

from policies.handling import Handling, handling_of
from policies.load import load_folder
from policies.packs import FOLDER
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
