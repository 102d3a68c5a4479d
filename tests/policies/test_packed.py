from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from policies.checks.inline_tests import spoken_example
from policies.load import load_folder
from policies.matcher import TRIAL_STATUSES, Matcher
from policies.pack import Pack
from policies.packed import (
    pack_up,
    pack_up_in_batches,
    pack_up_matcher,
    unpack_matcher,
    unpack_pack,
)
from policies.packs import shipped_packs
from policies.spoken import Context, Spoken


@pytest.fixture(scope="module")
def packs() -> list[Pack]:
    return load_folder(shipped_packs())


def sentences(packs: list[Pack]) -> Iterator[tuple[Spoken, Context]]:
    for pack in packs:
        for rule in pack.policies:
            tests = rule.tests
            for example in (*tests.must_match, *tests.must_not_match, *tests.must_excuse):
                yield spoken_example(example)


def test_a_matcher_that_was_carried_hears_what_the_first_one_does(packs: list[Pack]) -> None:
    matcher = Matcher(packs, TRIAL_STATUSES)
    carried = pickle.loads(pickle.dumps(pack_up_matcher(matcher, packs)))
    others = [unpack_pack(pack_up(pack)) for pack in reversed(packs)]
    between: list[None] = []
    unpacked = unpack_matcher(carried, others, between=lambda: between.append(None))
    assert others == packs[::-1]
    assert len(between) == len(carried.pieces) == 6
    heard = 0
    for spoken, context in sentences(packs):
        found = matcher.verdict(spoken, context)
        assert unpacked.verdict(spoken, context) == found
        heard += len(found.live) + len(found.shadow)
    assert heard > 100


def test_a_carried_matcher_holds_the_packs_that_are_there(packs: list[Pack]) -> None:
    packed = pack_up_matcher(Matcher(packs), packs)
    assert not any(pack.title.encode() in packed.frame for pack in packs)


def test_batches_hold_everything_in_its_order() -> None:
    between: list[None] = []
    batches = pack_up_in_batches(range(7), 3, between=lambda: between.append(None))
    assert [pickle.loads(each) for each in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(between) == 3
