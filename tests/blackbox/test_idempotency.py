"""Requests that are sent again with their `Idempotency-Key` act once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.blackbox.room_voice import publishing
from tests.e2e.credentials import open_room
from tests.e2e.following import following
from tests.server import Server

HOOK = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with a webhook that takes actions."""
    data = tmp_path_factory.mktemp("idempotency")
    with Server(data, EARSHOT_WEBHOOK_ALLOW="127.0.0.1/32") as server:
        with server.client() as client:
            open_room(server, "lobby")
            hook = {"url": HOOK, "types": ["action.requested"]}
            client.post("/v1/webhooks", json=hook).raise_for_status()
        yield server


@pytest.fixture(scope="module")
def alert(server: Server) -> str:
    """Id of an alert about something that was said."""
    return asyncio.run(_hear_a_threat(server))


async def _hear_a_threat(server: Server) -> str:
    async with following(server) as feed, publishing(server, "lobby", "walt") as voice:
        await voice.say("walt-password")
        raised = await feed.has("alert.raised", room_id="lobby", seconds=30)
        return str(raised["id"])


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def send(client: httpx.Client, path: str, key: str, body: Any) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def test_three_identical_requests_for_an_action_are_one_action(
    client: httpx.Client, alert: str
) -> None:
    path, body = f"/v1/alerts/{alert}/actions", {"action": "warn", "message": "Please stop."}
    answers = [send(client, path, "one-action", body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.text for answer in answers}) == 1
    shown = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert shown == [None, "true", "true"]
    actions = client.get(f"/v1/alerts/{alert}").json()["actions"]
    assert [one["id"] for one in actions] == [answers[0].json()["id"]]
    assert send(client, path, "another-action", body).status_code == 202


def test_requests_at_the_same_moment_act_once(
    server: Server, client: httpx.Client, alert: str
) -> None:
    path = f"/v1/alerts/{alert}/notes"

    def note(_: int) -> httpx.Response:
        with server.client() as own:
            return send(own, path, "same-moment", {"text": "said twenty times"})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(note, range(20)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"].endswith(":still-running")
            assert answer.headers["retry-after"] == "1"
    history = client.get(f"/v1/alerts/{alert}").json()["history"]
    assert [one["reason"] for one in history].count("said twenty times") == 1


def test_another_request_with_the_same_key_is_refused(client: httpx.Client, alert: str) -> None:
    path = f"/v1/alerts/{alert}/notes"
    assert send(client, path, "mixed-up", {"text": "one"}).status_code == 200
    refused = send(client, path, "mixed-up", {"text": "another"})
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:earshot:problem:idempotency-key-used-before"
    quoted = send(client, path, '"mixed-up"', {"text": "one"})
    assert quoted.headers["idempotency-replayed"] == "true", "the draft writes it with quotes"
    elsewhere = send(client, "/v1/webhooks", "mixed-up", {"url": f"{HOOK}x"})
    assert elsewhere.status_code == 201, "a key belongs to its path"


def test_callers_do_not_share_keys(server: Server, client: httpx.Client, alert: str) -> None:
    path = f"/v1/alerts/{alert}/notes"
    made = client.post("/v1/keys", json={"name": "Mo", "role": "moderator"}).json()
    assert send(client, path, "shared", {"text": "by admin"}).status_code == 200
    with server.client(made["secret"]) as mo:
        answer = send(mo, path, "shared", {"text": "by Mo"})
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers
        client.delete(f"/v1/keys/{made['id']}").raise_for_status()
        assert send(mo, path, "shared", {"text": "by Mo"}).status_code == 401


def test_a_refused_request_may_be_sent_again(client: httpx.Client) -> None:
    path = "/v1/rooms/later/publish-tokens"
    assert send(client, path, "too-early", {"speaker_id": "ann"}).status_code == 404
    client.post("/v1/rooms", json={"id": "later", "connector": {"kind": "whip"}})
    assert send(client, path, "too-early", {"speaker_id": "ann"}).status_code == 201
    for bad in ("", "k" * 256, "caf\xe9"):
        headers = [(b"Idempotency-Key", bad.encode("latin-1"))]
        refused = client.post(path, json={"speaker_id": "ann"}, headers=headers)
        assert refused.status_code == 400, bad
        assert refused.json()["type"].endswith(":bad-idempotency-key")


def forget_latest_answers(path: Path, count: int) -> None:
    """Mark the latest answers as missing, as a crash between act and answer leaves them."""
    latest = f"SELECT digest FROM idempotency_keys ORDER BY claimed_at DESC LIMIT {count}"
    with closing(sqlite3.connect(path)) as database, database, suppress(sqlite3.OperationalError):
        database.execute(f"UPDATE idempotency_keys SET answered = 0 WHERE digest IN ({latest})")


@pytest.mark.drill
def test_an_answer_survives_a_crash_and_no_secret_is_readable(server: Server, alert: str) -> None:
    """A crash may come after an answer was stored, or between the act and its answer.

    The second is made of the first: the stored answers are marked as missing.
    """
    asked = {"name": "machine", "role": "room_server"}
    action = {"action": "warn", "message": "After the crash."}
    note = {"text": "before the crash"}
    with server.client() as client:
        made = send(client, "/v1/keys", "made-once", asked)
        hook = send(client, "/v1/webhooks", "hooked-once", {"url": f"{HOOK}y"})
        first = send(client, f"/v1/alerts/{alert}/actions", "cut-action", action)
        noted = send(client, f"/v1/alerts/{alert}/notes", "cut-note", note)
        report = f"/v1/actions/{first.json()['id']}/result"
        told = send(client, report, "cut-result", {"outcome": "done"})
    codes = [one.status_code for one in (made, hook, first, noted, told)]
    assert codes == [201, 201, 202, 200, 200]
    server.kill()
    for file in Path(server.data).glob("earshot.db*"):
        content = file.read_bytes()
        for secret in (made.json()["secret"], hook.json()["secret"]):
            assert secret.encode() not in content, file.name
    forget_latest_answers(Path(server.data) / "earshot.db", 3)
    server.start()
    with server.client() as client:
        again = send(client, "/v1/keys", "made-once", asked)
        assert (again.status_code, again.json()) == (201, made.json())
        assert again.headers["cache-control"] == "no-store"
        names = [one["name"] for one in client.get("/v1/keys").json()["items"]]
        assert names.count("machine") == 1
        repeated = send(client, f"/v1/alerts/{alert}/actions", "cut-action", action)
        assert (repeated.status_code, repeated.json()["id"]) == (202, first.json()["id"])
        unknown = send(client, f"/v1/alerts/{alert}/notes", "cut-note", note)
        assert unknown.status_code == 409
        assert unknown.json()["type"] == "urn:earshot:problem:outcome-unknown"
        assert send(client, report, "cut-result", {"outcome": "done"}).json() == told.json()
        case = client.get(f"/v1/alerts/{alert}").json()
        assert json.dumps(case["actions"]).count("After the crash.") == 1
        assert json.dumps(case["history"]).count("before the crash") == 1
