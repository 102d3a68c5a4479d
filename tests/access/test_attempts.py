from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import attempts
from service.access.attempts import MOST, RENEWED_EVERY, Attempts, network_of
from tests.storage.examples import NOW, SECOND

HERE = "192.0.2.1"


def fail(found: Attempts, times: int, address: str = HERE) -> None:
    for _ in range(times):
        found.failed(address, NOW)


def test_a_person_who_mistypes_need_not_wait() -> None:
    found = Attempts()
    fail(found, MOST - 1)
    assert found.wait_s(HERE, "digest", NOW) == 0


def test_who_guesses_waits_and_then_may_try_once() -> None:
    found = Attempts()
    fail(found, 5 * MOST)
    assert found.wait_s(HERE, "digest", NOW) == 3
    assert found.wait_s(HERE, "digest", NOW + SECOND) == pytest.approx(2)
    later = NOW + RENEWED_EVERY
    assert found.wait_s(HERE, "digest", later) == 0
    found.failed(HERE, later)
    assert found.wait_s(HERE, "digest", later) == 3


def test_after_a_minute_all_is_forgotten() -> None:
    found = Attempts()
    fail(found, MOST)
    later = NOW + MOST * RENEWED_EVERY
    for _ in range(MOST):
        assert found.wait_s(HERE, "digest", later) == 0
        found.failed(HERE, later)
    assert found.wait_s(HERE, "digest", later) > 0


def test_other_addresses_and_proven_keys_do_not_wait() -> None:
    found = Attempts()
    found.succeeded(HERE, "proven")
    fail(found, MOST)
    assert found.wait_s(HERE, "proven", NOW) == 0
    assert found.wait_s("192.0.2.2", "digest", NOW) == 0
    assert found.wait_s("192.0.2.2", "proven", NOW) == 0
    fail(found, MOST, "192.0.2.2")
    assert found.wait_s("192.0.2.2", "proven", NOW) > 0, "it was good from elsewhere"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix socket", "unix socket"),
    ],
)
def test_one_client_is_an_address_or_an_ipv6_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_tables_are_bounded_and_keep_what_is_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_ADDRESSES", 3)
    monkeypatch.setattr(attempts, "MAX_PROVEN", 3)
    found = Attempts()
    for host in range(10):
        fail(found, MOST, f"192.0.2.{host}")
        found.succeeded(f"192.0.2.{host}", "digest")
    waiting = [host for host in range(10) if found.wait_s(f"192.0.2.{host}", "x", NOW)]
    proven = [host for host in waiting if not found.wait_s(f"192.0.2.{host}", "digest", NOW)]
    assert waiting == proven == [7, 8, 9]


@given(st.lists(st.floats(0, 10), max_size=200))
def test_no_pace_gets_more_tries_than_the_rate(pauses_s: list[float]) -> None:
    """A client that asks before each try gets the first tries and the renewed ones, and no more."""
    found, now, tries = Attempts(), NOW, 0
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        if found.wait_s(HERE, "digest", now) == 0:
            found.failed(HERE, now)
            tries += 1
    assert tries <= MOST + (now - NOW) / RENEWED_EVERY + 1
