"""Hostile requests that are valid HTTP, and the refusals that they must get."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.e2e.offers import OFFER, spoilt

JSON = {"Content-Type": "application/json"}
SDP = {"Content-Type": "application/sdp"}
WHIP_ROOM = {"id": "den", "connector": {"kind": "whip"}}
ALERT = "/v1/alerts/no-such-alert"
"""Path of an alert that does not exist."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """Request that must be refused with `status`.

    Attributes:
        key: Name of its credential in `credentials.authorizations`; None: no credential.
        target: Request target; `{token}` in it stands for a valid publish token.
    """

    name: str
    status: int
    method: str
    target: str
    key: str | None = "admin"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunked: bool = False


def hostile_requests() -> list[Hostile]:
    """Return requests with bad credentials, paths, methods, types, sizes and offers.

    `hostile_json` returns those with bad JSON and queries.
    """
    parts = (_offers, _sizes, _types, _keys, _tokens, _paths, _methods)
    return [case for part in parts for case in part()]


def post(name: str, status: int, target: str, body: object, key: str | None = "admin") -> Hostile:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hostile(name, status, "POST", target, key, JSON, sent)


def _publish(
    name: str,
    status: int,
    body: bytes = OFFER.encode(),
    *,
    key: str | None = "token",
    target: str = "/whip/lobby",
    headers: Mapping[str, str] = SDP,
    chunked: bool = False,
) -> Hostile:
    return Hostile(name, status, "POST", target, key, headers, body, chunked)


def _offers() -> Iterator[Hostile]:
    for what, body in spoilt().items():
        yield _publish(f"publish {what}", 400, body)


def _sizes() -> Iterator[Hostile]:
    yield _publish("publish 64 KiB and a byte", 413, b"a" * 65_537)
    yield _publish("publish 64 KiB and a byte in chunks", 413, b"a" * 65_537, chunked=True)
    yield _publish("publish a million lines", 413, b"a=x\r\n" * 200_000)
    yield _publish("publish a million lines in chunks", 413, b"a=x\r\n" * 200_000, chunked=True)
    yield _publish("publish too much without a token", 413, b"a" * 65_537, key=None)
    huge = {**SDP, "Content-Length": "9" * 20}
    yield _publish("declare 10^20 bytes", 413, b"v=0", headers=huge)
    for path in ("/v1/rooms", "/healthz", "/nothing", "/v1/rooms/lobby/publish-tokens"):
        yield Hostile(
            f"send 1.1 MB to {path}", 413, "POST", path, headers=JSON, body=bytes(1_100_000)
        )
    many = b'{"id": "' + b"x" * 1_100_000 + b'"}'
    yield Hostile("1.1 MB in chunks", 413, "POST", "/v1/rooms", "admin", JSON, many, chunked=True)
    yield Hostile("GET with 1.1 MB", 413, "GET", "/v1/rooms", body=bytes(1_100_000))


def _types() -> Iterator[Hostile]:
    for kind in (
        "", "text/plain", "application/json", "application/trickle-ice-sdpfrag", "*/*", "sdp",
        "application/sdp2", "multipart/form-data; boundary=x", "text/<script>alert(1)</script>",
        "application/sdpapplication/sdp", "x" * 5000,
    ):  # fmt: skip
        headers = {"Content-Type": kind} if kind else {}
        yield _publish(f"publish as {kind[:40] or 'no type'}", 415, headers=headers)
        if kind != "application/json":
            body = json.dumps(WHIP_ROOM).encode()
            yield Hostile(f"open a room as {kind[:40] or 'no type'}", 415, "POST", "/v1/rooms",
                          "admin", headers, body)  # fmt: skip


def _keys() -> Iterator[Hostile]:
    for key in (
        None, "empty", "bearer", "basic", "garbage", "long", "latin", "two_words", "comma",
        "expired", "revoked", "token",
    ):  # fmt: skip
        yield Hostile(f"list rooms with {key or 'no'} key", 401, "GET", "/v1/rooms", key)
    for name in ("key", "token", "access_token", "API_KEY", "apikey", "Authorization"):
        yield Hostile(f"a key in ?{name}=", 401, "GET", f"/v1/rooms?{name}=x")
        yield Hostile(f"the feed with ?{name}=", 401, "GET", f"/v1/feed?{name}=x", None)
    for method, path in (
        ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/v1/feed"), ("GET", "/v1/alerts"),
        ("GET", ALERT), ("POST", ALERT + "/acknowledge"), ("DELETE", "/v1/rooms/lobby"),
        ("POST", "/v1/rooms/lobby/publish-tokens"), ("POST", "/v1/rooms"),
    ):  # fmt: skip
        body = b'{"speaker_id": "x"}' if "tokens" in path else json.dumps(WHIP_ROOM).encode()
        sent = b"" if method == "GET" or "alerts" in path else body
        yield Hostile(f"{method} {path} without a key", 401, method, path, None, JSON, sent)
    yield post("an observer opens a room", 403, "/v1/rooms", WHIP_ROOM, "observer")
    yield post("a moderator opens a room", 403, "/v1/rooms", WHIP_ROOM, "moderator")
    yield Hostile("a moderator ends a room", 403, "DELETE", "/v1/rooms/lobby", "moderator")
    yield post("an observer acknowledges", 403, ALERT + "/acknowledge", {}, "observer")
    yield post("a room server acknowledges", 403, ALERT + "/acknowledge", {}, "room_server")
    yield post("an observer lets publish", 403, "/v1/rooms/lobby/publish-tokens",
                {"speaker_id": "x"}, "observer")  # fmt: skip


def _tokens() -> Iterator[Hostile]:
    for key in (
        None, "empty", "bearer", "basic", "garbage", "long", "latin", "two_words", "comma",
        "expired_token", "admin", "observer",
    ):  # fmt: skip
        yield _publish(f"publish with {key or 'no'} token", 401, key=key)
    yield _publish("publish with a token of another room", 403, key="other_room")
    yield _publish(
        "publish with a token of a room that has ended", 401, target="/whip/gone", key="gone"
    )
    yield _publish("publish into a room that is not there", 404, target="/whip/nowhere")
    yield _publish("a token in the address", 401, target="/whip/lobby?token={token}", key=None)
    yield _publish("a token in the address too", 401, target="/whip/lobby?access_token={token}")
    for method in ("PATCH", "DELETE"):
        headers = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": '"x"'}
        for key, path, status in (
            ("token", "/whip/lobby/nothing", 404), ("token", "/whip/hall/nothing", 403),
            (None, "/whip/lobby/nothing", 401), ("other_room", "/whip/lobby/nothing", 403),
            ("token", "/whip/lobby/%2e%2e", 422), ("token", "/whip/lobby/" + "s" * 65, 422),
        ):  # fmt: skip
            name = f"{method} {path[:30]} with {key or 'no'} token"
            yield Hostile(name, status, method, path, key, headers, b"x")


def _paths() -> Iterator[Hostile]:
    odd = {
        "..": 422, "%2e%2e": 422, "%2e%2e%2f%2e%2e%2fetc%2fpasswd": 404, "..%5c..%5cetc": 422,
        "a%00b": 422, "%00": 422, "lobby%00": 422, "lobby%0a": 422, "lobby%0d%0aX-Evil:%20yes": 422,
        "%20": 422, "lobby%20": 422, "lob/by": 404, "lob%2fby": 404, "%2flobby": 404,
        "a" * 129: 422, "a" * 5000: 422, "%F0%9F%92%A9": 422, "%ff%fe": 422, "%c0%ae%c0%ae": 422,
        "lobby;x=1": 422, "-lobby": 422, ".lobby": 422, "lobby%3f": 422, "%25%30%30": 422,
        "%3Cscript%3Ealert(1)%3C%2Fscript%3E": 404, "%3Cb%3E": 422, "'or'1'='1": 422, "%zz": 422,
        "nobody": 404,
    }  # fmt: skip
    for room, status in odd.items():
        yield Hostile(f"show room {room[:40]} ({len(room)})", status, "GET", f"/v1/rooms/{room}")
    for room in ("%2e%2e", "a%00b", "a" * 129, "%F0%9F%92%A9", "%0d%0aX-Evil:%20yes"):
        yield _publish(f"publish into {room[:30]}", 422, target=f"/whip/{room}")
        yield Hostile(f"end room {room[:30]}", 422, "DELETE", f"/v1/rooms/{room}")
    for path in (
        "//v1/rooms", "/v1//rooms", "/v1/rooms/", "/v1/rooms//", "/whip", "/whip/", "/whip//",
        "/whip/lobby/", "/v1", "/v1/", "/V1/rooms", "/v1/alerts/", "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd", "/rules/../../etc/passwd", "/static/app.js", "/.git/config",
        "/.env", "/docs", "/redoc", "/v1/rooms%00", "/index.php?x=<script>",
        "/" + "x" * 50_000, "/v1/rooms/lobby/publish-tokens/", "/healthz/",
    ):  # fmt: skip
        yield Hostile(f"GET {path[:40]}", 404, "GET", path)
    for alert in ("%00", "a" * 65, "..%5c", "%3Cb%3E", "a.b", "%F0%9F%92%A9"):
        yield Hostile(f"show alert {alert[:30]}", 422, "GET", f"/v1/alerts/{alert}")


def _methods() -> Iterator[Hostile]:
    for method, path in (
        ("PUT", "/v1/rooms"), ("PATCH", "/v1/rooms"), ("DELETE", "/v1/rooms"),
        ("HEAD", "/v1/rooms"), ("TRACE", "/v1/rooms"), ("CONNECT", "/v1/rooms"),
        ("EVIL", "/v1/rooms"), ("get", "/v1/rooms"), ("POST", "/v1/rooms/lobby"),
        ("POST", "/v1/alerts"), ("DELETE", ALERT), ("GET", ALERT + "/acknowledge"),
        ("POST", "/v1/feed"), ("POST", "/"), ("POST", "/rules"), ("DELETE", "/healthz"),
        ("POST", "/metrics"), ("GET", "/whip/lobby"), ("PUT", "/whip/lobby"),
        ("PATCH", "/whip/lobby"), ("DELETE", "/whip/lobby"), ("HEAD", "/whip/lobby"),
        ("GET", "/whip/lobby/x"), ("POST", "/whip/lobby/x"), ("PUT", "/whip/lobby/x"),
        ("PROPFIND", "/"), ("GET", "/v1/rooms/lobby/publish-tokens"),
    ):  # fmt: skip
        yield Hostile(f"{method} {path}", 405, method, path)
