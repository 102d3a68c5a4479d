"""Receiver of webhooks in threads, and a server with an alert on which a moderator can act."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from service.simulation.run import simulate_room
from service.simulation.script import DEMO_SCRIPT, Line, Script, ScriptedSpeaker
from tests.server import Server

ROOM = "lounge"
_SAID = "send me your gift card codes"
_SCRIPT = Script(
    "One alert",
    (
        ScriptedSpeaker(
            "mallory",
            "Mallory",
            (Line(0.2, DEMO_SCRIPT.parent / "mallory-gift-card.opus", _SAID, alerts=True),),
        ),
    ),
)
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Received:
    """One received event, and the monotonic time at which it came."""

    id: str
    type: str
    data: dict[str, Any]
    at_s: float


Answer = Callable[[Received], tuple[int, bytes]]


class Receiver(ThreadingHTTPServer):
    """Receiver with an answer for each event."""

    daemon_threads = True

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.news = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/earshot"

    def of_type(self, type_: str) -> list[Received]:
        return [one for one in self.received if one.type == type_]

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a server go that has closed its connection."""

    def until(self, found: Callable[[], bool]) -> None:
        """Wait until a condition holds that changes only with received events."""
        with self.news:
            types = [one.type for one in self.received]
            assert self.news.wait_for(found, _PATIENCE_S), f"it never came; received: {types}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        one = Received(self.headers["webhook-id"], body["type"], body["data"], time.monotonic())
        with self.server.news:
            self.server.received.append(one)
            self.server.news.notify_all()
        status, text = self.server.answer(one)
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def accept(one: Received) -> tuple[int, bytes]:
    return 204, b""


@contextmanager
def receiving(answer: Answer = accept, port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(answer, port)
    thread = threading.Thread(target=receiver.serve_forever, name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def raise_alert(server: Server) -> str:
    """Let a simulated speaker say one thing over WHIP. Returns: the id of the alert."""
    asyncio.run(simulate_room(server.url, server.key, ROOM, _SCRIPT, keep_room=True))
    with server.client() as client:
        (alert,) = client.get("/v1/alerts").json()["items"]
    return str(alert["id"])


def add_webhook(client: httpx.Client, url: str, *types: str) -> str:
    made = client.post("/v1/webhooks", json={"url": url, "types": list(types)})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def warn(client: httpx.Client, alert: str) -> dict[str, Any]:
    """Request a warning, each time another one.

    A webhook that was made just now may take a moment to be known.
    """
    body = {"action": "warn", "message": f"Please stop. ({time.monotonic_ns()})"}
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        asked = client.post(f"/v1/alerts/{alert}/actions", json=body)
        if asked.status_code != 409 or time.monotonic() > deadline_s:
            break
        time.sleep(0.05)
    assert asked.status_code == 202, asked.text
    return dict(asked.json())


def action_of(client: httpx.Client, alert: str, id_: str) -> dict[str, Any]:
    actions = client.get(f"/v1/alerts/{alert}").json()["actions"]
    return next(dict(one) for one in actions if one["id"] == id_)


def deliveries(client: httpx.Client, webhook: str) -> list[dict[str, Any]]:
    """Return the attempts at actions, oldest first."""
    found = client.get(f"/v1/webhooks/{webhook}/deliveries", params={"limit": 100}).json()["items"]
    return [dict(one) for one in found if one["type"] == "action.requested"][::-1]


def wait_until(holds: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    deadline_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to be"
        time.sleep(0.05)
