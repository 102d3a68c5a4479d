"""Sub-categories that do not belong to their category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding, quote
from policies.pack import Rule
from policies.taxonomy import SUBCATEGORIES


def check_subcategories(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        known = SUBCATEGORIES[rule.category]
        if rule.subcategory is not None and rule.subcategory not in known:
            problem = f"{quote(rule.subcategory)} is no sub-category of {rule.category}"
            remedy = f"use one of {', '.join(known)}" if known else "remove it, it has none"
            yield Finding(("policies", index, "subcategory"), problem, remedy)
