from __future__ import annotations

import pytest

from asr.redis_backoff import Backoff


def test_waits_grow_and_the_last_one_repeats() -> None:
    backoff = Backoff((1.0, 10.0))
    waits_s = [backoff.next_wait_s() for _ in range(4)]
    assert waits_s == [pytest.approx(wait_s, rel=0.2) for wait_s in (1.0, 10.0, 10.0, 10.0)]


def test_a_success_begins_again_with_the_shortest_wait() -> None:
    backoff = Backoff((1.0, 10.0))
    backoff.next_wait_s()
    backoff.reset()
    assert backoff.next_wait_s() == pytest.approx(1.0, rel=0.2)
