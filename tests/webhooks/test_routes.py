"""Webhooks of a real server, with a real client and real receivers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.server import Server


class There(ThreadingHTTPServer):
    """Receiver in a thread."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.news = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def until(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.calls) >= count, 10), self.calls
        return self.calls


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: There

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.news:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.calls.append((headers, body))
            self.server.news.notify_all()
        self.send_response(self.server.status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def receiver() -> Iterator[There]:
    there = There()
    thread = threading.Thread(target=there.serve_forever, name="receiver")
    thread.start()
    try:
        yield there
    finally:
        there.shutdown()
        thread.join()
        there.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("webhooks"), EARSHOT_WEBHOOK_ALLOW="127.0.0.0/8") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        for one in client.get("/v1/webhooks").json()["items"]:
            client.delete(f"/v1/webhooks/{one['id']}")


@pytest.fixture
def there() -> Iterator[There]:
    with receiver() as there:
        yield there


def add(client: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{made['id']}"
    return made


def happen(client: httpx.Client, *room_ids: str) -> None:
    """Open and close rooms: an event `room.joined` and an event `room.left` for each."""
    for room_id in room_ids:
        body = {"id": room_id, "connector": {"kind": "whip"}}
        assert client.post("/v1/rooms", json=body).status_code == 201
        client.delete(f"/v1/rooms/{room_id}")


def deliveries(client: httpx.Client, made: dict[str, Any], query: str = "") -> list[Any]:
    answer = client.get(f"/v1/webhooks/{made['id']}/deliveries{query}")
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


def wait(holds: Callable[[], bool]) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while not holds():
        assert datetime.now(UTC) < deadline
        threading.Event().wait(0.02)


def test_a_webhook_is_told_and_shows_what_it_was_told(client: httpx.Client, there: There) -> None:
    made = add(client, there.url, types=["room.joined"], description="ours")
    happen(client, "told")
    ((headers, body),) = there.until(1)
    assert Webhook(made["secret"]).verify(body.decode(), headers) == json.loads(body)
    assert json.loads(body)["type"] == "room.joined"
    (shown,) = deliveries(client, made)
    assert shown["outcome"] == "delivered"
    assert (shown["status"], shown["response"], shown["attempt"]) == (200, "hello", 1)
    assert shown["request_body"] == body.decode()
    for name, value in shown["request_headers"].items():
        assert headers[name] == value
    shown_webhook = client.get(f"/v1/webhooks/{made['id']}")
    assert shown_webhook.json()["waiting"] == 0
    assert made["secret"] not in client.get("/v1/webhooks").text + shown_webhook.text


def test_a_disabled_webhook_waits_and_goes_on_in_order_once_it_is_enabled(
    client: httpx.Client, there: There
) -> None:
    made = add(client, there.url, types=["room.joined"])
    path = f"/v1/webhooks/{made['id']}"
    off = client.patch(path, json={"enabled": False}).json()
    assert (off["state"], off["reason"]) == ("disabled", "disabled by first admin")
    happen(client, "one", "two")
    shown = client.get(path).json()
    assert shown["waiting"] == 2
    assert shown["waiting_since"] is not None
    assert (
        client.post(f"{path}/redeliver", json={"from": shown["waiting_since"]}).status_code == 409
    )
    assert client.patch(path, json={"enabled": True}).json()["state"] == "enabled"
    sent = [json.loads(body)["data"]["id"] for _, body in there.until(2)]
    assert sent == ["one", "two"]


def test_a_ping_says_what_came_of_it(client: httpx.Client, there: There) -> None:
    made = add(client, there.url)
    there.status = 503
    pinged = client.post(f"/v1/webhooks/{made['id']}/ping").json()
    assert (pinged["outcome"], pinged["status"], pinged["type"]) == ("failed", 503, "webhook.ping")
    there.status = 200
    assert client.post(f"/v1/webhooks/{made['id']}/ping").json()["outcome"] == "delivered"
    assert [one["outcome"] for one in deliveries(client, made)] == ["delivered", "failed"]
    assert [one["status"] for one in deliveries(client, made, "?outcome=failed")] == [503]
    page = client.get(f"/v1/webhooks/{made['id']}/deliveries?limit=1").json()
    older = deliveries(client, made, f"?limit=1&cursor={page['next_cursor']}")
    assert [one["status"] for one in older] == [503]


def test_after_a_rotation_both_secrets_sign(client: httpx.Client, there: There) -> None:
    made = add(client, there.url)
    rotated = client.post(f"/v1/webhooks/{made['id']}/rotate").json()
    assert rotated["secret"] != made["secret"]
    client.post(f"/v1/webhooks/{made['id']}/ping")
    headers, body = there.until(1)[-1]
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(body.decode(), headers)


def test_one_delivery_or_a_stretch_of_time_is_sent_again_under_the_same_ids(
    client: httpx.Client, there: There
) -> None:
    made = add(client, there.url, types=["room.joined", "room.left"])
    before = datetime.now(UTC)
    happen(client, "again", "and-again")
    first = [headers["webhook-id"] for headers, _ in there.until(4)]
    path = f"/v1/webhooks/{made['id']}/redeliver"
    wait(lambda: len(deliveries(client, made)) == 4)
    one = deliveries(client, made)[-2]
    answer = client.post(path, json={"delivery_id": one["id"]})
    assert answer.status_code == 202
    assert answer.json() == {
        "first_event_id": one["event_id"],
        "last_event_id": one["event_id"],
        "actions_skipped": 0,
    }
    assert there.until(5)[4][0]["webhook-id"] == one["message_id"] == first[1]
    answer = client.post(path, json={"from": before.isoformat()})
    assert answer.status_code == 202, answer.text
    assert [headers["webhook-id"] for headers, _ in there.until(9)][5:] == first
    for bad, status in (
        ({}, 422),
        ({"delivery_id": "dl_0123456789abcdef"}, 404),
        ({"delivery_id": one["id"], "from": before.isoformat()}, 422),
        ({"to": before.isoformat()}, 422),
        ({"from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"}, 404),
        ({"from": "2001-01-01T00:00:00"}, 422),
        ({"from": "0001-01-01T00:00:00+23:00"}, 422),
    ):
        assert client.post(path, json=bad).status_code == status, bad


def test_what_waits_for_a_deleted_webhook_is_dropped_and_on_record(client: httpx.Client) -> None:
    with receiver() as there:
        made = add(client, there.url, types=["room.joined"])
        there.status = 500
        happen(client, "lost-1", "lost-2", "lost-3")
        there.until(1)
    path = f"/v1/webhooks/{made['id']}"
    assert client.delete(path).status_code == 204
    shown = client.get(path).json()
    assert shown["state"] == "deleted"
    assert "3 events that waited were dropped" in shown["reason"]
    newest, *older = deliveries(client, made)
    assert newest["outcome"] == "dropped"
    assert "3 events" in newest["error"]
    assert {one["outcome"] for one in older} == {"failed"}
    assert made["id"] not in client.get("/v1/webhooks").text
    for answer in (
        client.delete(path),
        client.patch(path, json={"enabled": True}),
        client.post(f"{path}/ping"),
        client.post(f"{path}/rotate"),
        client.post(f"{path}/redeliver", json={"from": "2026-01-01T00:00:00Z"}),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "http://10.0.0.1/"},
        {"url": "https://169.254.169.254/latest/meta-data"},
        {"url": "https://2130706433/"},
        {"url": "https://localhost.localdomain@127.0.0.1/"},
        {"url": "https://example.com", "types": ["speaker.levels"]},
        {"url": "https://example.com", "types": ["nothing"]},
        {"url": "https://example.com", "room": "[a-z]"},
        {"url": "https://example.com", "secret": "mine"},
        {"url": "https://example.com", "description": "\x1b[2J"},
    ],
)
def test_a_webhook_that_cannot_be_is_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    answer = client.post("/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_nothing_secret_or_said_reaches_the_log_or_the_database(
    client: httpx.Client, server: Server, there: There
) -> None:
    made = add(client, there.url)
    client.post(f"/v1/webhooks/{made['id']}/ping")
    assert made["secret"] not in server.log_file.read_text()
    for path in server.data.glob("earshot.db*"):
        assert made["secret"].removeprefix("whsec_").encode() not in path.read_bytes()
