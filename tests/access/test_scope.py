from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.access.authenticate import Caller
from service.access.keys import Role
from service.access.scope import glob_contains, glob_in_scope, in_scope, require_scope
from service.errors import Problem

GLOBS = st.text("ab*?", max_size=6)
TEXTS = st.text("ab", max_size=6)


def a_caller(*rooms: str) -> Caller:
    return Caller("Rooms Ltd", Role.ROOM_SERVER, "key_1", rooms=rooms)


def test_a_key_without_rooms_is_for_all() -> None:
    assert in_scope(a_caller(), "any")
    assert in_scope(a_caller(), "")
    assert glob_in_scope(a_caller(), "*")


@pytest.mark.parametrize(
    ("rooms", "room_id", "expected"),
    [
        (["club-*"], "club-1", True),
        (["club-*"], "club-", True),
        (["club-*"], "Club-1", False),
        (["club-*"], "xclub-1", False),
        (["club-?"], "club-12", False),
        (["club-1", "bar"], "bar", True),
        (["club-1"], "", False),
    ],
)
def test_a_room_is_in_scope_if_an_entry_matches_its_whole_id(
    rooms: list[str], room_id: str, expected: bool
) -> None:
    assert in_scope(a_caller(*rooms), room_id) is expected


def test_a_room_outside_the_scope_is_refused_as_an_unknown_one() -> None:
    with pytest.raises(Problem) as refused:
        require_scope(a_caller("club-*"), "bar")
    assert (refused.value.status, refused.value.title) == (404, "No such room")
    assert refused.value.detail == "no room has the id 'bar'"


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("club-*", "club-*", True),
        ("club-*", "club-vip-*", True),
        ("club-*", "club-?", True),
        ("club-?", "club-*", False),
        ("club-*", "*", False),
        ("club-*", "c*", False),
        ("*-vip", "club-*-vip", True),
        ("*", "", True),
        ("*?", "?*", True),
        ("?", "*", False),
        ("**", "*", True),
    ],
)
def test_a_glob_contains_another(outer: str, inner: str, expected: bool) -> None:
    assert glob_contains(outer, inner) is expected


def test_a_glob_that_only_two_entries_cover_together_is_outside() -> None:
    assert not glob_in_scope(a_caller("a*", "b*"), "?*")
    assert glob_in_scope(a_caller("a*", "b*"), "b-*")


@given(outer=GLOBS, inner=GLOBS, text=TEXTS)
@example(outer="*a*", inner="?a?", text="bab")
def test_what_a_contained_glob_matches_the_outer_one_matches_too(
    outer: str, inner: str, text: str
) -> None:
    if glob_contains(outer, inner) and fnmatchcase(text, inner):
        assert fnmatchcase(text, outer)


@given(GLOBS)
def test_every_glob_contains_itself_and_lies_in_the_one_for_all(glob: str) -> None:
    assert glob_contains(glob, glob)
    assert glob_contains("*", glob)
