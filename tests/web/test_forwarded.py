from __future__ import annotations

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from service.errors import ConfigurationError
from service.web.forwarded import MOST_WARNINGS, ForwardedHeaders

pytestmark = pytest.mark.anyio

FORGED = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")]


async def passed(
    proxies: str, *peers: str, headers: list[tuple[bytes, bytes]] = FORGED
) -> list[tuple[str, str]]:
    """Return client address and scheme as the application sees them, for each peer."""
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    async def nothing(*_: object) -> None:
        raise AssertionError

    outside = ForwardedHeaders(app, proxies)
    for peer in peers:
        scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
        await outside(scope, nothing, nothing)  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.9", ""])
async def test_nobody_is_trusted_by_default(peer: str) -> None:
    assert await passed("", peer) == [(peer, "http")]


@pytest.mark.parametrize(
    ("proxies", "peer"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (" 10.0.0.0/8 , ::1", "10.1.2.3"),
        ("::1", "::1"),
        ("10.0.0.9", "::ffff:10.0.0.9"),
        ("*", "198.51.100.1"),
    ],
)
async def test_a_named_proxy_is_believed(proxies: str, peer: str) -> None:
    assert await passed(proxies, peer) == [("203.0.113.7", "https")]


async def test_another_than_the_named_proxy_is_not() -> None:
    assert await passed("10.0.0.9", "10.0.0.8") == [("10.0.0.8", "http")]


async def test_each_forger_is_warned_of_once_and_a_flood_of_them_is_bounded() -> None:
    with capture_logs() as logs:
        await passed("", "10.0.0.1", "10.0.0.1", "10.0.0.2")
        assert [line["address"] for line in logs] == ["10.0.0.1", "10.0.0.2"]
        logs.clear()
        await passed("", *(f"10.0.1.{number}" for number in range(200)))
        assert len(logs) == MOST_WARNINGS
        logs.clear()
        await passed("", "10.0.0.1", headers=[(b"forwarded", b"for=203.0.113.7")])
        assert len(logs) == 1
        logs.clear()
        await passed("", "10.0.0.1", headers=[(b"host", b"here")])
        assert logs == []


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.0/33", "10.0.0.1;10.0.0.2", "*, ::1"])
async def test_an_entry_that_is_no_address_is_a_wrong_setting(proxies: str) -> None:
    with pytest.raises(ConfigurationError, match="FORWARDED_ALLOW_IPS"):
        await passed(proxies)
