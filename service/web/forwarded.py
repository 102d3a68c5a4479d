"""Addresses of clients behind a reverse proxy.

`X-Forwarded-For` and `X-Forwarded-Proto` count only from a proxy that `FORWARDED_ALLOW_IPS` names:
anybody can send them. `Forwarded` (RFC 7239) counts from nobody. A header that does not count is
logged once for each sender.
"""

from __future__ import annotations

import ipaddress

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from service.errors import ConfigurationError

log = structlog.get_logger()

VARIABLE = "FORWARDED_ALLOW_IPS"
MOST_WARNINGS = 16
"""Senders that are warned of; a flood of addresses must not fill the log."""

_COUNTING = (b"x-forwarded-for", b"x-forwarded-proto")
_HEADERS = frozenset({*_COUNTING, b"forwarded", b"x-forwarded-host"})


class ForwardedHeaders:
    """ASGI middleware that applies the forwarded headers of named proxies, and no others.

    Args:
        proxies: Value of `FORWARDED_ALLOW_IPS`: addresses and networks, comma-separated; `*` for
            everybody; empty for nobody.

    Raises:
        ConfigurationError: An entry is neither an address nor a network.
    """

    def __init__(self, app: ASGIApp, proxies: str) -> None:
        self._app = app
        self._trusting = ProxyHeadersMiddleware(app, _check_proxies(proxies))  # type: ignore[arg-type]
        self._warned: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        peer = _unmapped(scope["client"][0] if scope.get("client") else "")
        if peer in self._trusting.trusted_hosts:
            port = scope["client"][1] if scope.get("client") else 0
            await self._trusting({**scope, "client": (peer, port)}, receive, send)  # type: ignore[arg-type]
            return
        self._warn(peer, {name for name, _ in scope["headers"]} & _HEADERS)
        await self._app(scope, receive, send)

    def _warn(self, peer: str, headers: set[bytes]) -> None:
        if not headers or peer in self._warned or len(self._warned) >= MOST_WARNINGS:
            return
        self._warned.add(peer)
        log.warning(
            "http.forwarded_header_ignored",
            address=peer,
            headers=sorted(name.decode("latin-1") for name in headers),
            remedy=f"if this is your proxy, set {VARIABLE} to its address; otherwise a client sends"
            " a false address, and nothing is to be done",
        )


def _check_proxies(text: str) -> list[str]:
    if text.strip() == "*":
        return ["*"]
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    for entry in entries:
        try:
            ipaddress.ip_network(entry) if "/" in entry else ipaddress.ip_address(entry)
        except ValueError as error:
            raise ConfigurationError(
                f"{VARIABLE}: {entry!r} is neither an IP address nor a network such as 10.0.0.0/8;"
                " name the addresses of your proxies, comma-separated"
            ) from error
    return entries


def _unmapped(address: str) -> str:
    """Return an IPv4 address that arrived on an IPv6 socket as an IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or address)
