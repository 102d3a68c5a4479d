"""Tests of docs/webhooks.md: its code works, and its examples equal the sent messages."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from service.alerts.action import ActionOutcome
from service.feed.event import body, data
from service.webhooks import message
from service.webhooks.action_answer import ActionAnswer, parse_action_answer
from service.webhooks.message import LOGGED
from service.webhooks.openapi import EXAMPLES
from service.webhooks.signing import headers_for, make_secret
from tests.feed.examples import STORED
from tests.processes import Helper
from tests.server import Server
from tests.storage.examples import NOW

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
_START_S = 20.0
MARKER = "<!-- examples: written by `python -m tests.webhooks.test_docs` -->\n"


def examples() -> dict[str, Any]:
    found = {event.type: body(event.type, NOW, data(event)) for event in STORED}
    made = "wh_0123456789abcdef"
    for sent in (
        message.reset(made, 1200, 3417, ["transcript.heard"], NOW),
        message.ping(made, "msg_1", NOW),
    ):
        found[sent.type] = json.loads(sent.body)
    return found


def section() -> str:
    return "".join(
        f"\n### `{type_}`\n\n```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"
        for type_, example in examples().items()
    )


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```\n", DOCS.read_text("utf-8"), re.DOTALL)
    return str(found)


def test_there_is_an_example_of_every_event_in_the_page_and_in_openapi() -> None:
    """After an intended change run `python -m tests.webhooks.test_docs`."""
    assert set(examples()) == LOGGED | {message.RESET, message.PING}
    assert DOCS.read_text("utf-8").partition(MARKER)[2] == section()
    assert json.loads(EXAMPLES.read_text("utf-8")) == examples()


@contextmanager
def running(command: Sequence[str], secret: str, log: Path) -> Iterator[tuple[str, Helper]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    process = Helper("the receiver", command, log, piped=True, env=environment)
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.communicate(timeout=10)


def check_receiver(command: Sequence[str], log: Path) -> None:
    """Check that the receiver accepts only signed calls, ours and the library's, and once."""
    secret, now = make_secret(), datetime.now(UTC)
    text = json.dumps(body("alert.raised", now, {"id": "al_1", "excerpt": "☕"}))
    ours = headers_for([make_secret(), secret], "msg_1", now, text.encode())
    theirs = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_2", now, text),
    }
    with (
        running(command, secret, log) as (url, process),
        httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=5)) as client,
    ):
        process.wait_until(lambda: _listens(url), _START_S, every_s=0.05)

        def post(headers: dict[str, str], content: str = text) -> int:
            return client.post(url, headers=headers, content=content.encode()).status_code

        assert post(ours) == 204
        assert post(ours) == 204
        assert post(theirs) == 204
        assert post(ours, text + " ") == 401
        assert post({**ours, "webhook-id": "msg_3"}) == 401
        assert post({**ours, "webhook-signature": "v1,AAAA"}) == 401
        assert post({}) == 401
        assert post({**ours, "webhook-timestamp": "soon"}) == 401
        old = headers_for([secret], "msg_4", NOW, text.encode())
        assert post(old) == 401
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["alert.raised al_1\n"] * 2
        check_actions(client, url, secret)
        assert [process.stdout.readline() for _ in range(2)] == [
            "action.requested ac_1\n",
            "action.requested ac_2\n",
        ]
        process.terminate()
        assert process.stdout.read() == ""


def check_actions(client: httpx.Client, url: str, secret: str) -> None:
    """Check that the receiver answers each action with its outcome, and the same again."""
    action = {**examples()["action.requested"]["data"], "id": "ac_1"}
    for number, (named, outcome, reason) in enumerate(
        [
            ("mute_speaker", "done", ""),
            ("end_room", "failed", "this room server has no end_room"),
        ],
        1,
    ):
        asked = {**action, "id": f"ac_{number}", "action": named}
        text = json.dumps(body("action.requested", datetime.now(UTC), asked)).encode()
        for _ in range(2):
            headers = headers_for([secret], f"msg_action_{number}", datetime.now(UTC), text)
            answer = client.post(url, headers=headers, content=text)
            assert answer.status_code == 200
            assert parse_action_answer(answer.text) == ActionAnswer(ActionOutcome(outcome), reason)


def _listens(url: str) -> bool:
    port = int(url.rstrip("/").rpartition(":")[2])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_python_receiver_believes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(code("python"))
    check_receiver([sys.executable, str(tmp_path / "receiver.py")], tmp_path / "log")


@pytest.mark.node
def test_the_node_receiver_believes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "receiver.mjs").write_text(code("js"))
    check_receiver(["node", str(tmp_path / "receiver.mjs")], tmp_path / "log")


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="curl or openssl is missing"
)
def test_the_call_with_curl_opens_a_room(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", EARSHOT_LISTEN_TO="lounge") as server,
        server.client() as client,
    ):
        made = client.post("/v1/hooks/secrets", json={"room_server": "eu"}).json()
        environment = os.environ | {"HOOK_SECRET": made["secret"], "EARSHOT": server.url}
        called = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code("bash")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        assert json.loads(called.stdout) == {"outcome": "done"}
        assert client.get("/v1/rooms/lounge").json()["state"] == "listening"


def test_openapi_shows_every_event_that_is_sent(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server, server.client() as client:
        shown = client.get("/openapi.json").json()["webhooks"]
    assert set(shown) == set(examples())
    for type_, item in shown.items():
        content = item["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == type_
    answer = shown["action.requested"]["post"]["responses"]["200"]["content"]["application/json"]
    said = parse_action_answer(json.dumps(answer["example"]))
    assert said.outcome is ActionOutcome.DONE
    assert said.reason == "muted at the mixer"


if __name__ == "__main__":
    page = DOCS.read_text("utf-8").partition(MARKER)[0]
    DOCS.write_text(page + MARKER + section(), "utf-8")
    EXAMPLES.write_text(json.dumps(examples(), indent=1, ensure_ascii=False) + "\n", "utf-8")
