"""Hostile requests: each is refused in the same form and leaves nothing behind."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.e2e.credentials import authorizations, open_room, publish_token, stored_keys
from tests.e2e.hostile import Hostile, hostile_requests
from tests.e2e.hostile_bytes import FRAGMENT, NOT_HTTP, TRICKLED
from tests.e2e.hostile_json import hostile_json
from tests.e2e.offers import OFFER, trickled
from tests.e2e.resources import Resources, resources_after_warm_up, wait_for_resources
from tests.e2e.wire import Reply, connect, converse, exchange, request
from tests.server import Server

SETUP_S = 15.0
"""Time after which the server drops a peer that never connects, or a request that never ends."""
SDP = {"Content-Type": "application/sdp"}


@dataclass(frozen=True, slots=True)
class Target:
    """Server under attack.

    Attributes:
        keys: Values of the Authorization header, by name.
        before: Resources before the first hostile request.
        slow: Connections with an unfinished request.
    """

    server: Server
    keys: Mapping[str, str]
    before: Resources
    slow: Mapping[str, socket.socket]
    began_s: float


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    data = tmp_path_factory.mktemp("hostile")
    secrets = stored_keys(data)
    with Server(data) as server:
        keys = authorizations(server, secrets)
        before = resources_after_warm_up(server)
        ghost = {**SDP, "Authorization": f"Bearer {publish_token(server, 'lobby', 'ghost')}"}
        reply = exchange(server.url, request("POST", "/whip/lobby", ghost, OFFER.encode()), "POST")
        assert reply.status == 201, "an offer whose sender never connects"
        slow = {name: _begin(server, sent) for name, sent in _beginnings(keys).items()}
        try:
            yield Target(server, keys, before, slow, time.monotonic())
        finally:
            for connection in slow.values():
                connection.close()


def _begin(server: Server, sent: bytes) -> socket.socket:
    connection = connect(server.url)
    connection.sendall(sent)
    return connection


def _beginnings(keys: Mapping[str, str]) -> dict[str, bytes]:
    whip = request("POST", "/whip/lobby", {**SDP, "Authorization": keys["token"]}, OFFER.encode())
    room = {"Content-Type": "application/json", "Authorization": keys["admin"]}
    return {
        "nothing": b"",
        "half a head": b"POST /v1/rooms HTTP/1.1\r\nHost: a\r\n",
        "half an offer": whip[:-500],
        "half a chunk": request("POST", "/v1/rooms", room, b"{" * 1000, chunked=True)[:-500],
        "one request and half another": request("GET", "/healthz", {"Connection": "keep-alive"})
        + b"GET /hea",
    }


CASES = [*hostile_requests(), *hostile_json()]


def test_there_are_more_than_two_hundred_hostile_requests() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 200


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_hostile_request_is_refused_with_a_problem(case: Hostile, target: Target) -> None:
    headers = dict(case.headers)
    if case.key is not None:
        headers["Authorization"] = target.keys[case.key]
    path = case.target.replace("{token}", target.keys["token"].removeprefix("Bearer "))
    sent = request(case.method, path, headers, case.body, chunked=case.chunked)
    reply = exchange(target.server.url, sent, case.method)
    assert reply.status == case.status, reply.body
    assert_problem(reply, target, empty=case.method == "HEAD")


def assert_problem(reply: Reply, target: Target, *, empty: bool = False) -> None:
    """Assert the form of a refusal, and that it repeats nothing that a browser could run."""
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "x-evil" not in reply.headers
    if reply.status == 401:
        assert reply.headers["www-authenticate"] == "Bearer"
    if reply.status == 405:
        assert reply.headers["allow"]
    if empty:
        return
    problem = reply.json()
    assert problem["status"] == reply.status
    assert len(problem["title"]) > 5
    assert len(problem["detail"]) > 20, "what, where, and the remedy"
    assert len(reply.body) < 20_000
    text = reply.body.decode()
    assert "Traceback" not in text
    assert ".py" not in text
    secrets = [key.removeprefix("Bearer ") for key in target.keys.values()]
    assert not [secret for secret in secrets if len(secret) > 10 and secret in text]


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_bytes_that_are_hardly_http_are_refused_or_ignored_and_never_hang(
    sent: bytes, target: Target
) -> None:
    received = converse(target.server.url, sent)
    assert received == b"" or received.startswith(b"HTTP/1.1 4"), received[:300]
    assert b"HTTP/1.1 5" not in received
    assert b"HTTP/1.1 2" not in received
    assert b"Traceback" not in received


def test_a_spoilt_fragment_is_refused_and_the_session_continues(target: Target) -> None:
    url = target.server.url
    token = f"Bearer {publish_token(target.server, 'lobby', 'tim')}"
    offer = request("POST", "/whip/lobby", {**SDP, "Authorization": token}, OFFER.encode())
    made = exchange(url, offer, "POST")
    assert made.status == 201
    session, etag = made.headers["location"], made.headers["etag"]
    for what, (status, match, body, kind) in TRICKLED.items():
        headers = {"Content-Type": kind} if kind else {}
        if match is not None:
            headers["If-Match"] = match.replace("{etag}", etag)
        sent = request("PATCH", session, {**headers, "Authorization": token}, body.encode())
        reply = exchange(url, sent, "PATCH")
        assert reply.status == status, (what, reply.body)
        assert_problem(reply, target)
    for name, status in (("token", 403), ("other_room", 403), ("admin", 401)):
        mine = {"Authorization": target.keys[name], "Content-Type": FRAGMENT, "If-Match": etag}
        reply = exchange(url, request("PATCH", session, mine, trickled().encode()), "PATCH")
        assert reply.status == status, (name, reply.body)
        assert exchange(url, request("DELETE", session, mine), "DELETE").status == status
    last = {"Authorization": token, "Content-Type": FRAGMENT, "If-Match": etag}
    assert (
        exchange(url, request("PATCH", session, last, trickled().encode()), "PATCH").status == 204
    )
    assert exchange(url, request("DELETE", session, last), "DELETE").status == 200


def test_the_server_hangs_up_on_a_request_that_never_ends(target: Target) -> None:
    left_s = SETUP_S + 3 - (time.monotonic() - target.began_s)
    deadline = time.monotonic() + max(left_s, 1)
    for what, connection in target.slow.items():
        connection.settimeout(max(0.1, deadline - time.monotonic()))
        received = b""
        while more := connection.recv(65536):  # a time-out fails the test
            received += more
        assert received == b"" or what == "one request and half another"


def test_hostile_requests_leave_no_resources_behind_and_the_server_still_works(
    target: Target,
) -> None:
    after = wait_for_resources(target.server, target.before, within_s=SETUP_S + 5)
    assert after == target.before
    token = {**SDP, "Authorization": target.keys["token"]}
    reply = exchange(
        target.server.url, request("POST", "/whip/lobby", token, OFFER.encode()), "POST"
    )
    assert reply.status == 201
    session = reply.headers["location"]
    assert exchange(target.server.url, request("DELETE", session, token), "DELETE").status == 200
    open_room(target.server, "lobby")


def test_no_refusal_is_logged_as_an_error_of_the_server(target: Target) -> None:
    log = target.server.log_file.read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log
