"""Addresses that a webhook may call: public ones, and private ones that a setting allows.

Pure. `sender` resolves names, calls `permit` before each connection, and connects to exactly the
address that was permitted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL = 2000
_PORTS = {"https": 443, "http": 80}
_LEAST_PORT = 1024
"""Lowest port besides 80 and 443. Lower ports belong to mail, shells and files."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_URL = re.compile(r"[\x21-\x7e]+", re.ASCII)

# IANA's special-purpose registries, and the metadata addresses of clouds.
_REFUSED_V4 = {
    "0.0.0.0/8": "an unspecified",
    "10.0.0.0/8": "a private",
    "100.64.0.0/10": "a carrier's shared",
    "127.0.0.0/8": "a loopback",
    "168.63.129.16/32": "a metadata",
    "169.254.0.0/16": "a link-local or metadata",
    "172.16.0.0/12": "a private",
    "192.0.0.0/24": "a reserved",
    "192.0.2.0/24": "a documentation",
    "192.88.99.0/24": "a 6to4 relay's",
    "192.168.0.0/16": "a private",
    "198.18.0.0/15": "a benchmark",
    "198.51.100.0/24": "a documentation",
    "203.0.113.0/24": "a documentation",
    "224.0.0.0/4": "a multicast",
    "240.0.0.0/4": "a reserved or broadcast",
}
# Only 2000::/3 is public. Ranges that embed IPv4 addresses are refused whole.
_REFUSED_V6 = {
    "::/128": "an unspecified",
    "::1/128": "a loopback",
    "::ffff:0:0/96": "an IPv4-mapped",
    "::/96": "an IPv4-compatible",
    "64:ff9b::/96": "a NAT64",
    "64:ff9b:1::/48": "a NAT64",
    "2001::/32": "a Teredo",
    "2001::/23": "a reserved",
    "2001:db8::/32": "a documentation",
    "2002::/16": "a 6to4",
    "3fff::/20": "a documentation",
    "fc00::/7": "a private or metadata",
    "fe80::/10": "a link-local",
    "ff00::/8": "a multicast",
}
_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(text), kind) for text, kind in (_REFUSED_V4 | _REFUSED_V6).items()
)
_OPEN_V6 = ipaddress.IPv6Network("2000::/3")


class Refused(Exception):
    """The address may not be called. The text says why, and the remedy."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Networks and hosts of EARSHOT_WEBHOOK_ALLOW, which may be called despite the rules."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def covers(self, host: str, address: Address | None) -> bool:
        inside = address is not None and any(address in network for network in self.networks)
        return inside or host in self.hosts

    def __bool__(self) -> bool:
        return bool(self.networks or self.hosts)


@dataclass(frozen=True, slots=True)
class Target:
    """Parsed URL. It is parsed once, so that the checked and the called address cannot differ.

    Attributes:
        host: Name in lower case, or address without brackets.
        path: Path and query, as in a request line.
        address: Address of the host; None for a name.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """Value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_allowed(parts: Sequence[str]) -> Allowed:
    """Parse the parts of EARSHOT_WEBHOOK_ALLOW.

    Raises:
        ValueError: A part is neither a network nor a host; the text names it.
    """
    networks, hosts = [], []
    for part in parts:
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError:
            if not _is_name(part.lower()) or "/" in part:
                raise ValueError(
                    f"{part!r} is neither a network such as 10.1.0.0/16 nor a host name"
                ) from None
            hosts.append(part.lower())
    return Allowed(tuple(networks), frozenset(hosts))


def parse_target(url: str, allowed: Allowed) -> Target:
    """Parse a URL and apply the rules that need no name resolution.

    Raises:
        Refused: A rule forbids the URL.
    """
    target = _parse_url(url)
    # A name may resolve to an allowed address; `permit` decides then.
    may_be_allowed = allowed.covers(target.host, target.address) or (
        target.address is None and bool(allowed.networks)
    )
    if not may_be_allowed:
        _refuse_plain(target)
    if target.address is not None:
        permit(target, [target.address], allowed)
    return target


def permit(target: Target, addresses: Sequence[Address], allowed: Allowed) -> Sequence[Address]:
    """Return the addresses of the target's host if all of them may be called.

    One forbidden address refuses them all: such an answer is an attack or a mistake.

    Raises:
        Refused: An address may not be called, or there is none.
    """
    if not addresses:
        raise Refused(f"{target.host} has no address; check its DNS entry")
    for address in addresses:
        if allowed.covers(target.host, address):
            continue
        kind = _kind(address)
        if kind:
            raise Refused(
                f"{target.host} stands for {kind} address ({address}), which may not be called; "
                "use a public one, or name it in EARSHOT_WEBHOOK_ALLOW"
            )
        _refuse_plain(target)
    return addresses


def _refuse_plain(target: Target) -> None:
    """Refuse http and low ports, which only an allowed host may have."""
    if target.scheme != "https":
        raise Refused(
            f"{target.host} is to be called without encryption; use https, or name it in "
            "EARSHOT_WEBHOOK_ALLOW"
        )
    if target.port < _LEAST_PORT and target.port not in _PORTS.values():
        raise Refused(
            f"port {target.port} of {target.host} belongs to another kind of service; use 443 or "
            f"one from {_LEAST_PORT} on, or name the host in EARSHOT_WEBHOOK_ALLOW"
        )


def _kind(address: Address) -> str:
    """Return the kind of a forbidden address, for the message; empty for a public one."""
    for network, kind in _REFUSED:
        if address in network:
            return kind
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return "a link-local"
        return "" if address in _OPEN_V6 else "a reserved"
    return ""


def _parse_url(url: str) -> Target:
    if len(url) > MAX_URL or not _URL.fullmatch(url) or "\\" in url:
        raise Refused(
            f"the URL must be up to {MAX_URL} ASCII characters without spaces or backslashes; "
            "write other characters as %XX, and a host's in punycode"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("the URL has no valid host and port; write https://host/path") from None
    if parts.scheme not in _PORTS:
        raise Refused("the URL must begin with https://")
    if "@" in parts.netloc:
        raise Refused("the URL has a user name in it; every call is signed instead, leave it out")
    if "#" in url:
        raise Refused("the URL has a fragment (#...), which is never sent; leave it out")
    if port == 0:
        raise Refused("the URL names port 0; leave the port out or name the right one")
    host, address = _host(parts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path, address)


def _host(parts: SplitResult) -> tuple[str, Address | None]:
    host = (parts.hostname or "").removesuffix(".")
    if ":" in host:
        if "%" in host:
            raise Refused("the URL's address names a zone, which only a link-local one has")
        try:
            v6 = ipaddress.IPv6Address(host)
        except ValueError:
            raise Refused("the URL's address in brackets is not an IPv6 address") from None
        return str(v6), v6
    if not _is_name(host):
        raise Refused("the URL's host is neither a name nor an address")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # a host that ends in a number is an address
        try:
            v4 = ipaddress.IPv4Address(host)
        except ValueError:
            raise Refused(
                f"{host} is an odd way to write an address; write four decimal numbers"
            ) from None
        return host, v4
    return host, None


def as_address(host: str) -> Address | None:
    """Return the address that a host is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    return 0 < len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))
