from __future__ import annotations

from typing import Any

import pytest

from policies.checks.self_harm import ALLOWED, check_self_harm
from policies.match import Action
from policies.pack import Rule
from tests.policies.writing import rule


def despair(*actions: Action, category: str = "suicide_self_harm") -> Rule:
    changes: dict[str, Any] = {"category": category, "actions": list(actions)}
    return rule("r", ["kill myself"], **changes)


@pytest.mark.parametrize("action", list(Action))
def test_only_help_and_a_look_may_be_suggested(action: Action) -> None:
    found = list(check_self_harm({0: despair(Action.ALERT, action)}))
    assert bool(found) == (action not in ALLOWED)
    for finding in found:
        assert finding.where == ("policies", 0, "actions", 1)
        assert finding.problem == f"'{action}' would punish somebody who may need help"


def test_other_rules_may_suggest_more() -> None:
    assert list(check_self_harm({0: despair(*Action, category="hate")})) == []
