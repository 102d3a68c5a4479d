"""Actions against people who speak of harming themselves: rules may only offer them help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.finding import Finding
from policies.match import Action
from policies.pack import Rule
from policies.taxonomy import Category

ALLOWED = (Action.ALERT, Action.QUEUE_REVIEW, Action.OFFER_HELP)


def check_self_harm(rules: Mapping[int, Rule]) -> Iterator[Finding]:
    for index, rule in rules.items():
        if rule.category is not Category.SUICIDE_SELF_HARM:
            continue
        for number, action in enumerate(rule.actions):
            if action not in ALLOWED:
                where = ("policies", index, "actions", number)
                problem = f"'{action}' would punish somebody who may need help"
                yield Finding(where, problem, f"use {', '.join(ALLOWED)}")
