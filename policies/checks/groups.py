"""Groups that `when` names and that do not exist, or that it does not name; scores out of reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding, Location, clip, quote
from policies.pack import Rule


def check_groups(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        named = list(_named(index, rule))
        for where, name in named:
            if name not in rule.match:
                known = clip(", ".join(rule.match), 200)
                yield Finding(where, f"{quote(name)} is no group of match", f"use one of {known}")
        for name in rule.match:
            if named and name not in {each for _, each in named}:
                where = ("policies", index, "match", name)
                yield Finding(where, "is not used in when", "name it there, or remove it")
        for name, group in rule.match.items():
            if not any((*group.phrases.root.values(), *group.patterns.root.values())):
                where = ("policies", index, "match", name)
                yield Finding(where, "listens for nothing", "add phrases or patterns")
        most = sum(group.weight for group in rule.match.values())
        if rule.when.score is not None and rule.when.score > most:
            where = ("policies", index, "when", "score")
            problem = f"the weights of all groups come to {most}"
            yield Finding(where, problem, f"write {most} or less, or raise the weights")
        yield from _doubled(index, rule)


def _named(index: int, rule: Rule) -> Iterator[tuple[Location, str]]:
    where: Location = ("policies", index, "when")
    for number, name in enumerate(rule.when.any):
        yield (*where, "any", number), name
    for number, name in enumerate(rule.when.all):
        yield (*where, "all", number), name
    for number, name in enumerate(rule.when.near.groups if rule.when.near else ()):
        yield (*where, "near", "groups", number), name


def _doubled(index: int, rule: Rule) -> Iterator[Finding]:
    names = rule.when.near.groups if rule.when.near else ()
    for number, name in enumerate(names):
        if name in names[:number]:
            where = ("policies", index, "when", "near", "groups", number)
            yield Finding(where, f"{quote(name)} is named twice", "name each group once")
