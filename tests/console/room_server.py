"""Room server of a test: it gets moderators' actions by webhook and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

DONE: dict[str, str] = {"outcome": "done", "reason": "carried out"}
SILENT: dict[str, str] = {}
"""Answer 200 that confirms nothing."""


class RoomServer:
    """
    Attributes:
        answer: Body of its answer 200.
        asked: Actions that it was asked for, the oldest first.
    """

    def __init__(self) -> None:
        self.answer: dict[str, str] = DONE
        self.asked: list[dict[str, Any]] = []
        room_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                room_server.asked.append(event["data"])
                body = json.dumps(room_server.answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/"


@contextmanager
def room_server(client: httpx.Client) -> Iterator[RoomServer]:
    """Let a room server carry out the actions that the server asks for."""
    server = RoomServer()
    thread = threading.Thread(target=server.http.serve_forever, name="room server")
    thread.start()
    hook = {"url": server.url, "types": ["action.requested"]}
    try:
        made = client.post("/v1/webhooks", json=hook)
        assert made.status_code == 201, made.text
        yield server
        client.delete(f"/v1/webhooks/{made.json()['id']}")
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
