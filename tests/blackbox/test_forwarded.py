"""Forwarded headers of proxies and of others, and the host under which pages may call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.blackbox.scoped_server import Tenants, call_from
from tests.e2e.commands import earshot, serving
from tests.server import ADMIN_KEY, Server

PUBLIC = "https://earshot.example"
GUESSES = 30
"""More unknown keys than one address may try."""


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Server behind a proxy at 127.0.0.5, with a public URL."""
    settings = {"FORWARDED_ALLOW_IPS": "127.0.0.5", "EARSHOT_PUBLIC_URL": PUBLIC}
    with Server(tmp_path_factory.mktemp("proxied"), **settings) as server:
        yield server


def client_at(url: str, address: str) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=url, transport=transport, timeout=30)


def guess(client: httpx.Client) -> list[int]:
    """Send unknown keys, each with another forwarded address."""
    return [
        client.get(
            "/v1/session",
            headers={
                "Authorization": f"Bearer ek_{number}",
                "X-Forwarded-For": f"203.0.113.{number}",
                "Forwarded": f"for=203.0.113.{number}",
            },
        ).status_code
        for number in range(GUESSES)
    ]


def test_a_forged_address_counts_for_nothing_and_is_warned_of_once(unscoped: Tenants) -> None:
    with call_from(unscoped, "127.0.0.6") as forger:
        statuses = guess(forger)
    assert 429 in statuses, "one address guesses, whatever it says of itself"
    log = unscoped.server.log_file.read_text("utf-8")
    (warning,) = [
        line for line in log.splitlines() if "forwarded_header" in line and "127.0.0.6" in line
    ]
    assert "FORWARDED_ALLOW_IPS" in warning


def test_a_forged_scheme_counts_for_nothing(unscoped: Tenants) -> None:
    with call_from(unscoped, "127.0.0.1") as forger:
        forged = {"X-Forwarded-Proto": "https"}
        signed_in = forger.post("/v1/session", json={"key": ADMIN_KEY}, headers=forged)
    assert "Secure" not in signed_in.headers["set-cookie"]


def test_a_named_proxy_tells_its_clients_apart(proxied: Server) -> None:
    with client_at(proxied.url, "127.0.0.5") as proxy:
        assert set(guess(proxy)) == {401}
        headers = {"X-Forwarded-Proto": "https", "Host": "earshot.example"}
        signed_in = proxy.post("/v1/session", json={"key": ADMIN_KEY}, headers=headers)
        assert "Secure" in signed_in.headers["set-cookie"]
    assert "forwarded_header" not in proxied.log_file.read_text("utf-8")


def test_a_proxy_that_is_no_address_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = {"EARSHOT_DATA_DIR": str(tmp_path), "EARSHOT_PORT": "0"}
    done = earshot("serve", FORWARDED_ALLOW_IPS="proxy.example", **settings)
    assert done.code == 2
    assert "FORWARDED_ALLOW_IPS" in done.err


@pytest.fixture(scope="module")
def cookie(proxied: Server) -> str:
    with client_at(proxied.url, "127.0.0.1") as page:
        headers = {"Host": "earshot.example", "Origin": PUBLIC}
        signed_in = page.post("/v1/session", json={"key": ADMIN_KEY}, headers=headers)
        assert signed_in.status_code == 200, signed_in.text
        return signed_in.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("earshot.example", 200),
        ("EARSHOT.example", 200),
        ("earshot.example:443", 200),
        ("earshot.example:8443", 403),
        ("rebound.example", 403),
        ("earshot.example.rebound.example", 403),
        ("127.0.0.1", 403),
        ("x@earshot.example", 403),
    ],
)
def test_a_cookie_works_under_the_public_host_only(
    proxied: Server, cookie: str, host: str, status: int
) -> None:
    with client_at(proxied.url, "127.0.0.1") as page:
        headers = {"Host": host, "Cookie": cookie, "Origin": f"https://{host}"}
        answers = [
            page.get("/v1/session", headers=headers),
            page.get("/v1/rooms", headers=headers),
            page.post("/v1/policies/match", json={"text": "a"}, headers=headers),
        ]
    assert {answer.status_code for answer in answers} == {status}
    if status == 403:
        assert all(PUBLIC in answer.json()["detail"] for answer in answers)


def test_a_key_works_under_every_host_but_signs_nobody_in_there(proxied: Server) -> None:
    with client_at(proxied.url, "127.0.0.1") as program:
        elsewhere: Mapping[str, str] = {"Host": "rebound.example"}
        bearer = {**elsewhere, "Authorization": f"Bearer {ADMIN_KEY}"}
        assert program.get("/v1/rooms", headers=bearer).status_code == 200
        signed_in = program.post("/v1/session", json={"key": ADMIN_KEY}, headers=elsewhere)
        assert signed_in.status_code == 403


@pytest.mark.drill
def test_the_first_link_to_the_console_is_one_that_works(tmp_path: Path) -> None:
    settings = {
        "EARSHOT_PUBLIC_URL": PUBLIC,
        "EARSHOT_DATA_DIR": str(tmp_path),
        "EARSHOT_PORT": "0",
    }
    with serving(tmp_path, settings, lines=2) as server:
        assert server.lines[1].startswith(f"console {PUBLIC}/#key=ek_")
