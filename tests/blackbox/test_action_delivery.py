"""Actions reach a room server at once, or never."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.blackbox.receiver import (
    Received,
    action_of,
    add_webhook,
    deliveries,
    free_port,
    raise_alert,
    receiving,
    wait_until,
    warn,
)
from tests.server import Server

ALLOWED = "127.0.0.0/8"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("actions"), EARSHOT_WEBHOOK_ALLOW=ALLOWED) as server:
        yield server


@pytest.fixture(scope="module")
def alert(server: Server) -> str:
    return raise_alert(server)


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        for one in client.get("/v1/webhooks").json()["items"]:
            client.delete(f"/v1/webhooks/{one['id']}")


def make_events(client: httpx.Client, count: int) -> None:
    """Make the event log this much longer: a room that opens or closes is one event or more."""

    def open_and_close(number: int) -> None:
        id_ = f"passing-{time.time_ns()}-{number}"
        client.post("/v1/rooms", json={"id": id_, "connector": {"kind": "whip"}})
        client.delete(f"/v1/rooms/{id_}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(open_and_close, range((count + 1) // 2)))


def waiting(client: httpx.Client, webhook: str) -> int:
    return int(client.get(f"/v1/webhooks/{webhook}").json()["waiting"])


def arrives_first(client: httpx.Client, alert: str, count: int) -> None:
    """Check that an action arrives while this many events wait for a slow receiver."""
    let_go = threading.Event()

    def is_slow(one: Received) -> tuple[int, bytes]:
        if one.type != "action.requested":
            let_go.wait(60)
        return 204, b""

    with receiving(is_slow) as there:
        try:
            webhook = add_webhook(client, there.url)
            make_events(client, count)
            there.until(lambda: bool(there.received))
            assert waiting(client, webhook) >= count
            asked_s = time.monotonic()
            warn(client, alert)
            there.until(lambda: bool(there.of_type("action.requested")))
            assert [one.type for one in there.received][1:] == ["action.requested"]
            assert waiting(client, webhook) >= count
        finally:
            let_go.set()
    took_ms = (there.of_type("action.requested")[0].at_s - asked_s) * 1000
    sys.stdout.write(f"\n{count} events waited; the action arrived after {took_ms:.0f} ms\n")


def test_an_action_arrives_while_events_wait_for_a_slow_receiver(
    client: httpx.Client, alert: str
) -> None:
    arrives_first(client, alert, 100)


@pytest.mark.drill
def test_an_action_arrives_while_1000_events_wait(client: httpx.Client, alert: str) -> None:
    arrives_first(client, alert, 1_000)


def test_an_action_is_never_delivered_again_by_a_redelivery(
    client: httpx.Client, alert: str
) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    with receiving() as there:
        webhook = add_webhook(client, there.url)
        warn(client, alert)
        there.until(lambda: bool(there.of_type("action.requested")))
        wait_until(lambda: bool(deliveries(client, webhook)))
        make_events(client, 2)
        path = f"/v1/webhooks/{webhook}/redeliver"
        again = client.post(path, json={"from": began.isoformat()})
        assert again.status_code == 202, again.text
        first = {one.id for one in there.received}
        there.until(lambda: len(there.received) > len(first))
        wait_until(lambda: waiting(client, webhook) == 0)
        make_events(client, 2)
        wait_until(lambda: waiting(client, webhook) == 0)
        assert len(there.of_type("action.requested")) == 1
        assert again.json()["actions_skipped"] >= 1
        (attempt,) = deliveries(client, webhook)
        one = client.post(path, json={"delivery_id": attempt["id"]})
        assert one.status_code == 409
        assert "never again" in one.json()["detail"]
        assert len(there.of_type("action.requested")) == 1


def test_an_action_keeps_its_id_through_a_retry(client: httpx.Client, alert: str) -> None:
    def fails_once(one: Received) -> tuple[int, bytes]:
        return (503 if len(there.received) < 2 else 204), b""

    with receiving(fails_once) as there:
        webhook = add_webhook(client, there.url, "action.requested")
        asked = warn(client, alert)
        there.until(lambda: len(there.received) == 2)
        assert len({one.id for one in there.received}) == 1
        assert {one.data["id"] for one in there.received} == {asked["id"]}
        assert all(one.data["expires_at"] == asked["expires_at"] for one in there.received)
        wait_until(
            lambda: (
                [one["outcome"] for one in deliveries(client, webhook)] == ["failed", "delivered"]
            )
        )


def test_a_wrong_outcome_in_the_answer_is_noted(client: httpx.Client, alert: str) -> None:
    with receiving(lambda one: (200, b'{"outcome": "ok"}')) as there:
        webhook = add_webhook(client, there.url, "action.requested")
        warn(client, alert)
        wait_until(lambda: bool(deliveries(client, webhook)))
        (attempt,) = deliveries(client, webhook)
        assert attempt["outcome"] == "delivered"
        assert "neither `done` nor `failed`" in attempt["error"]


def stays_away(server: Server, alert: str, *, down_s: float) -> None:
    """Check that a receiver that is down until an action has failed never gets it."""
    port = free_port()
    with server.client() as client:
        url = f"http://127.0.0.1:{port}/earshot"
        webhook = add_webhook(client, url, "action.requested", "room.left")
        began_s = time.monotonic()
        asked = warn(client, alert)
        wait_until(
            lambda: (
                time.monotonic() - began_s >= down_s
                and action_of(client, alert, asked["id"])["state"] != "pending"
            ),
            60 + down_s,
        )
        with receiving(port=port) as there:
            make_events(client, 2)
            there.until(lambda: bool(there.received))
            wait_until(lambda: waiting(client, webhook) == 0)
            assert there.of_type("action.requested") == []
            assert action_of(client, alert, asked["id"])["state"] == "failed"
            outcomes = [one["outcome"] for one in deliveries(client, webhook)]
            assert outcomes[-1] == "expired"
            assert set(outcomes[:-1]) == {"failed"}


@pytest.mark.drill
@pytest.mark.timeout(240)
def test_a_receiver_that_was_down_for_a_minute_never_gets_the_action(tmp_path: Path) -> None:
    with Server(tmp_path, EARSHOT_WEBHOOK_ALLOW=ALLOWED) as server:
        stays_away(server, raise_alert(server), down_s=60)


def test_a_receiver_that_was_down_never_gets_an_action_that_has_failed(
    server: Server, alert: str
) -> None:
    """Last test of the shared server: another one, with less time, goes on with its data."""
    settings = {"EARSHOT_WEBHOOK_ALLOW": ALLOWED, "EARSHOT_ACTION_TIMEOUT_S": "2"}
    server.stop()
    with Server(server.data, **settings) as short:
        stays_away(short, alert, down_s=0)
