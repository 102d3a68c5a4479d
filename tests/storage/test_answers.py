"""Stored claims on requests with an idempotency key, and their answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.access.keyed_request import Claim, StoredClaim
from service.access.ports import AnswerStore
from service.storage.answers import SqlAnswers
from service.storage.engine import Database
from tests.storage.examples import NOW, SECOND

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


@pytest.fixture
def answers(database: Database) -> AnswerStore:
    return SqlAnswers(database)


def a_claim(digest: str = "d", nonce: str = "n", second: int = 0) -> Claim:
    return Claim(digest, nonce, NOW + second * SECOND)


async def test_a_claim_is_stored_once_and_answered_by_its_owner_alone(
    answers: AnswerStore,
) -> None:
    assert await answers.claim(a_claim(), "mo", "sealed", NOW - DAY) is None
    await answers.answer(a_claim(nonce="another"), "forged")
    second = await answers.claim(a_claim(nonce="another"), "mo", "other", NOW - DAY)
    assert second == StoredClaim("n", False, "sealed")
    await answers.answer(a_claim(), "answer")
    assert await answers.claim(a_claim(), "mo", "x", NOW - DAY) == StoredClaim("n", True, "answer")


async def test_a_released_and_an_expired_claim_may_be_made_again(answers: AnswerStore) -> None:
    await answers.claim(a_claim(), "mo", "sealed", NOW - DAY)
    await answers.release(a_claim(nonce="another"))
    assert await answers.claim(a_claim(), "mo", "sealed", NOW - DAY) is not None
    await answers.release(a_claim())
    assert await answers.claim(a_claim(), "mo", "sealed", NOW - DAY) is None
    assert await answers.claim(a_claim(nonce="later"), "mo", "sealed", NOW) is None


async def test_old_claims_go_and_of_many_the_oldest_of_their_caller(answers: AnswerStore) -> None:
    await answers.claim(a_claim("old", second=-5), "zoe", "s", NOW - DAY)
    for second in range(5):
        await answers.claim(a_claim(f"mo-{second}", second=second), "mo", "s", NOW - DAY)
    await answers.claim(a_claim("zoe", second=0), "zoe", "s", NOW - DAY)
    assert await answers.expire(NOW - SECOND, 3) == 3
    assert await answers.expire(NOW - SECOND, 3) == 0
    kept = [
        digest
        for digest in ("old", "mo-0", "mo-1", "mo-2", "mo-3", "mo-4", "zoe")
        if await answers.claim(a_claim(digest), "probe", "s", NOW - DAY) is not None
    ]
    assert kept == ["mo-2", "mo-3", "mo-4", "zoe"]
