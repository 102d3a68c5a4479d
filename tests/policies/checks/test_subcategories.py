from __future__ import annotations

from policies.checks.subcategories import check_subcategories
from policies.taxonomy import SUBCATEGORIES, Category
from tests.policies.writing import rule


def test_every_category_knows_its_own_and_no_other() -> None:
    names = {name for known in SUBCATEGORIES.values() for name in known}
    for category in Category:
        for name in names:
            found = list(check_subcategories({0: rule(category=category.value, subcategory=name)}))
            assert bool(found) == (name not in SUBCATEGORIES[category])


def test_a_category_without_any_says_so() -> None:
    (finding,) = check_subcategories(
        {0: rule(category="sex_related_crimes", subcategory="threats")}
    )
    assert str(finding.problem) == "'threats' is no sub-category of sex_related_crimes"
    assert finding.remedy == "remove it, it has none"


def test_a_rule_may_have_none() -> None:
    assert list(check_subcategories({0: rule()})) == []
