"""Rules that share an id: alerts name a rule by its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.pack import Rule


def check_ids(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, rule in rules.items():
        if first.setdefault(rule.id, index) != index:
            problem = f"'{rule.id}' is the id of policies[{first[rule.id]}] too"
            yield Finding(("policies", index, "id"), problem, "give each rule an id of its own")
