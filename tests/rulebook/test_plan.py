from __future__ import annotations

import pytest

from service.rulebook.plan import Adopt, Keep, Remove, Step, plan
from service.rulebook.version import ChangeKind, Origin, Version
from tests.rulebook.examples import a_version, loaded, text_of

OLD, NEW, SENT = text_of(), text_of(version="1.1.0"), text_of(version="1.2.0")
FILE = a_version(OLD, 1)
API = a_version(SENT, 2, origin=Origin.API)
GONE = a_version("", 3, origin=Origin.REMOVED)


def planned(text: str | None, newest: Version | None, filed: Version | None) -> list[Step]:
    return plan(
        {} if text is None else {"scams": loaded(text)},
        {} if newest is None else {"scams": newest},
        {} if filed is None else {"scams": filed},
    )


def test_packs_of_a_first_start_are_applied_without_an_event() -> None:
    assert planned(OLD, None, None) == [Adopt(loaded(OLD), None)]


def test_an_unchanged_file_leaves_a_later_sent_pack_in_force() -> None:
    assert planned(OLD, FILE, FILE) == [Keep(FILE, (loaded(OLD), FILE))]
    assert planned(OLD, API, FILE) == [Keep(API, (loaded(OLD), FILE))]


def test_a_file_that_was_changed_later_wins() -> None:
    assert planned(NEW, FILE, FILE) == [Adopt(loaded(NEW), ChangeKind.CHANGED)]
    assert planned(NEW, API, FILE) == [Adopt(loaded(NEW), ChangeKind.CHANGED)]


def test_a_file_with_the_text_that_was_sent_is_stored_without_an_event() -> None:
    assert planned(SENT, API, FILE) == [Adopt(loaded(SENT), None)]
    assert planned(SENT, API, None) == [Adopt(loaded(SENT), None)]


def test_the_first_file_of_a_sent_pack_wins() -> None:
    assert planned(OLD, API, None) == [Adopt(loaded(OLD), ChangeKind.CHANGED)]


def test_a_new_pack_among_others_is_an_event() -> None:
    (step,) = plan({"scams": loaded(OLD)}, {"threats": GONE}, {"threats": GONE})
    assert step == Adopt(loaded(OLD), ChangeKind.ADDED)


@pytest.mark.parametrize("last", [FILE, API])
def test_a_pack_goes_with_its_file(last: Version) -> None:
    assert planned(None, last, FILE) == [Remove(last)]


def test_a_removed_pack_is_not_removed_again_and_comes_back_with_its_file() -> None:
    assert planned(None, GONE, GONE) == []
    assert planned(OLD, GONE, GONE) == [Adopt(loaded(OLD), ChangeKind.ADDED)]


def test_a_pack_without_a_file_stays_in_force_from_the_record() -> None:
    assert planned(None, API, None) == [Keep(API, None)]
    sent_after = a_version(SENT, 4, origin=Origin.API)
    assert planned(None, sent_after, GONE) == [Keep(sent_after, None)]
