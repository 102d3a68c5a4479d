"""Calls of room servers to a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from service.webhooks.signing import headers_for, make_secret
from tests.server import Server

NOW = datetime(2026, 5, 17, tzinfo=UTC)


class Calls:
    """Room server with its secret."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.client = server.client()
        made = self.client.post("/v1/hooks/secrets", json={"room_server": name})
        assert made.status_code == 201, made.text
        self.id, self.secret = made.json()["id"], made.json()["secret"]
        self._count = 0

    def sign(self, body: bytes, at: datetime | None = None, id_: str = "") -> dict[str, str]:
        self._count += 1
        at = at or datetime.now(UTC)
        return headers_for([self.secret], id_ or f"{self.name}-{self._count}", at, body)

    def send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return httpx.post(
            f"{self.server.url}/v1/hooks/rooms",
            content=body,
            headers=headers | {"Content-Type": "application/json"},
            trust_env=False,
        )

    def tell(self, type_: str, data: Any) -> httpx.Response:
        body = event(type_, data)
        return self.send(body, self.sign(body))

    def rooms(self) -> dict[str, str]:
        items = self.client.get("/v1/rooms").json()["items"]
        return {room["id"]: room["state"] for room in items}

    def counted(self, outcome: str) -> float:
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f'earshot_hooks_total{{outcome="{outcome}"}}'):
                return float(line.split()[-1])
        return 0.0


def event(type_: str, data: Any) -> bytes:
    body = {"type": type_, "timestamp": "2026-05-17T12:00:00Z", "data": data}
    return json.dumps(body).encode()


def room(id_: str, **more: Any) -> dict[str, Any]:
    return {"room": {"id": id_, "title": "Lounge", "connector": {"kind": "whip"}, **more}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("hooks"), EARSHOT_LISTEN_TO="lounge, open-*") as server:
        yield server


@pytest.fixture
def calls(server: Server, request: pytest.FixtureRequest) -> Iterator[Calls]:
    calls = Calls(server, f"rooms-{abs(hash(request.node.name))}")
    yield calls
    for one in calls.client.get("/v1/hooks/secrets").json()["items"]:
        calls.client.delete(f"/v1/hooks/secrets/{one['id']}")
    for id_, state in calls.rooms().items():
        if state != "ended":
            calls.client.delete(f"/v1/rooms/{id_}")
    calls.client.close()


def test_a_room_is_listened_to_from_its_start_to_its_end(calls: Calls) -> None:
    for _ in range(2):  # the second call changes nothing
        answer = calls.tell("room.started", room("open-1", region="eu"))
        assert (answer.status_code, answer.json()) == (200, {"outcome": "done"})
        assert calls.rooms()["open-1"] == "listening"
    assert calls.tell("room.ended", {"room": {"id": "open-1"}}).json() == {"outcome": "done"}
    assert calls.rooms()["open-1"] == "ended"
    again = calls.tell("room.ended", {"room": {"id": "open-1"}})
    assert (again.status_code, again.json()) == (202, {"outcome": "ignored"})


def test_only_rooms_of_the_operators_filter_are_listened_to(calls: Calls) -> None:
    for id_ in ("private", "lounge2", "an-open-1"):
        answer = calls.tell("room.started", room(id_))
        assert (answer.status_code, answer.json()) == (202, {"outcome": "not_listened"})
        assert id_ not in calls.rooms()
    assert calls.tell("room.started", {"room": {"id": "lounge"}}).json() == {"outcome": "ignored"}
    assert "lounge" not in calls.rooms()


def test_a_signature_of_the_standard_library_of_others_is_believed(calls: Calls) -> None:
    body, now = event("room.started", room("open-2")), datetime.now(UTC)
    signature = Webhook(calls.secret).sign("msg_1", now, body.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    assert calls.send(body, headers).status_code == 200


def test_a_retry_is_answered_and_does_nothing_and_a_replay_is_refused(calls: Calls) -> None:
    body = event("room.started", room("open-3"))
    now = datetime.now(UTC)
    first = calls.sign(body, now.replace(microsecond=0), id_="msg_a")
    assert calls.send(body, first).json() == {"outcome": "done"}
    calls.client.delete("/v1/rooms/open-3")
    assert calls.send(body, first).status_code == 401
    later = datetime.fromtimestamp(int(now.timestamp()) + 2, UTC)
    retry = calls.sign(body, later, id_="msg_a")
    assert calls.send(body, retry).json() == {"outcome": "duplicate"}
    assert calls.send(body, retry).status_code == 401
    assert calls.send(body, first).status_code == 401
    assert calls.rooms()["open-3"] == "ended"
    assert calls.counted("replayed") >= 3


def test_what_is_unsigned_wrong_or_stale_starts_nothing_and_is_counted(calls: Calls) -> None:
    body = event("room.started", room("open-4"))
    right = calls.sign(body)
    other = headers_for([make_secret()], "msg_b", datetime.now(UTC), body)
    bad = {
        "unsigned": {},
        "wrong": other,
        "stale": calls.sign(body, NOW),
    }
    for kind, headers in bad.items():
        before = calls.counted(kind)
        answer = calls.send(body, headers)
        assert answer.status_code == 401, kind
        assert answer.headers["content-type"] == "application/problem+json"
        assert calls.counted(kind) == before + 1
    assert calls.send(body + b" ", right).status_code == 401
    assert "open-4" not in calls.rooms()
    assert str(datetime.now(UTC).date()) in calls.send(body, bad["stale"]).json()["detail"]


def test_an_unknown_type_is_taken_and_ignored(calls: Calls) -> None:
    answer = calls.tell("hand.raised", {"anything": 1})
    assert (answer.status_code, answer.json()) == (202, {"outcome": "ignored"})


BAD = {
    "no JSON": b"{",
    "no object": b"[1]",
    "no type": b'{"data": {}}',
    "no room": event("room.started", {}),
    "a room of words": event("room.started", {"room": "open-5"}),
    "an id with a slash": event("room.started", room("open/5")),
    "an unknown connector": event("room.started", room("open-5", connector={"kind": "pigeon"})),
    "an unknown pack": event("room.started", room("open-5", policies=["nobody"])),
    "a number too long": b'{"type": "room.ended", "data": ' + b"9" * 5000 + b"}",
    "nested too deeply": b"[" * 19_000,
    "half a surrogate": event("room.ended", {"room": {"id": "\ud800"}}),
    "bytes": b"\xff\xfe\x00",
    "no speaker": event("speaker.left", {"room": {"id": "open-5"}}),
    "a title that steers terminals": event("room.started", room("open-5", title="\x1b[2J")),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_signed_but_no_event_is_refused_with_the_reason(name: str, calls: Calls) -> None:
    answer = calls.send(BAD[name], calls.sign(BAD[name]))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "open-5" not in calls.rooms()


def test_a_body_over_20_kb_is_refused_unread(calls: Calls) -> None:
    body = event("room.started", room("open-6") | {"x": "y" * 20_000})
    assert calls.send(body, calls.sign(body)).status_code == 413


def test_a_room_described_otherwise_is_a_conflict_and_may_be_told_again(calls: Calls) -> None:
    assert calls.tell("room.started", room("open-7")).status_code == 200
    assert calls.tell("room.started", room("open-7", title="Another")).status_code == 409
    assert calls.tell(
        "speaker.left", {"room": {"id": "open-7"}, "speaker": {"id": "a"}}
    ).json() == {"outcome": "ignored"}


def test_a_room_server_has_two_secrets_at_most_and_a_removed_one_is_believed_no_more(
    calls: Calls,
) -> None:
    client, name = calls.client, calls.name
    second = client.post("/v1/hooks/secrets", json={"room_server": name})
    assert second.status_code == 201
    assert client.post("/v1/hooks/secrets", json={"room_server": name}).status_code == 409
    listed = client.get("/v1/hooks/secrets")
    assert calls.secret not in listed.text
    assert second.json()["secret"] not in listed.text
    for secret in (calls.secret, second.json()["secret"]):
        body = event("hand.raised", {})
        headers = headers_for([secret], f"msg_{secret[-9:]}", datetime.now(UTC), body)
        assert calls.send(body, headers).status_code == 202
    assert client.delete(f"/v1/hooks/secrets/{calls.id}").status_code == 204
    assert client.delete(f"/v1/hooks/secrets/{calls.id}").status_code == 404
    assert calls.tell("hand.raised", {}).status_code == 401


def test_secrets_and_words_are_not_in_the_database_or_the_log(calls: Calls, server: Server) -> None:
    calls.tell("room.started", room("open-8", title="Zanzibar"))
    for path in server.data.glob("earshot.db*"):
        assert calls.secret.removeprefix("whsec_").encode() not in path.read_bytes()
    log = server.log_file.read_text()
    assert calls.secret not in log
    assert "Zanzibar" not in log
    assert (server.data / "secret.key").stat().st_mode & 0o777 == 0o600
