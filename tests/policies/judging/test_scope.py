from __future__ import annotations

import pytest

from policies.judging.scope import out_of_scope
from policies.listen import Scope
from policies.spoken import Context


def here(role: str = "") -> Context:
    return Context("live-7", "ann", role=role, tags=frozenset({"music"}))


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (Scope(), ""),
        (Scope(rooms=("live-*", "other")), ""),
        (Scope(rooms=("test-*",)), "the room is none of its rooms"),
        (Scope(exempt_rooms=("*-7",)), "the room is exempt"),
        (Scope(tags=("music", "talk")), ""),
        (Scope(tags=("kids",)), "the room has none of its tags"),
        (Scope(exempt_roles=("host",)), "the role host is exempt"),
        (Scope(exempt_roles=("moderator",)), ""),
    ],
)
def test_rooms_tags_and_roles_decide(scope: Scope, reason: str) -> None:
    assert out_of_scope(scope, here(role="host")) == reason


def test_whoever_has_no_role_is_exempt_from_nothing() -> None:
    assert out_of_scope(Scope(exempt_roles=("host",)), here()) == ""
