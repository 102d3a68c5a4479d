"""HTTP over a bare socket, to send bytes that no client library would send."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Values by lower-case name."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=ANSWER_S)


def request(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    *,
    chunked: bool = False,
) -> bytes:
    """Return a request as bytes. `headers` override the correct `Content-Length` and `Host`."""
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
    all_headers = {"Host": "earshot.test", "Connection": "close", **length, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    start = f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")
    return start + (_chunks(body) if chunked else body)


def exchange(url: str, sent: bytes, method: str = "GET") -> Reply:
    """Send a complete request and read its answer.

    Raises:
        TimeoutError: no answer within `ANSWER_S`.
    """
    with connect(url) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(sent)
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers, response.read())


def converse(url: str, sent: bytes, patience_s: float = 0.3) -> bytes:
    """Send bytes that need not be HTTP; return all bytes until the server hangs up.

    If the server sends nothing for `patience_s`, this end closes its side of the connection.
    """
    received = b""
    with connect(url) as connection:
        connection.settimeout(patience_s)
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while more := connection.recv(65536):
                received += more
            return received
        connection.settimeout(ANSWER_S)
        with contextlib.suppress(ConnectionResetError, OSError):
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65536):
                received += more
    return received


def _chunks(body: bytes, size: int = 16_384) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
