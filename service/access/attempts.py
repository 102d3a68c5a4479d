"""Rate limit on unknown keys for each client address, against guessing."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST = 20
"""Unknown keys in a row. A person who mistypes needs a few; a script that guesses, millions."""
RENEWED_EVERY = timedelta(seconds=3)
"""Time without an unknown key after which one more is allowed."""
MAX_ADDRESSES = 10_000
MAX_PROVEN = 10_000

_IPV6_NETWORK = 64
"""Prefix length of one household or machine. All addresses in it count as one client."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: float
    at: datetime

    def left(self, now: datetime) -> float:
        return max(0.0, self.count - max(0.0, (now - self.at) / RENEWED_EVERY))


class Attempts:
    """Failures of each client address, and the keys that worked from it.

    An address with too many failures must wait some seconds before it tries another key. Keys
    that worked from it before are not guesses and still work: people behind one proxy share an
    address.

    Both tables are bounded. The address that failed least recently and the key used least
    recently make room for new ones. For an honest client this is never worse than a restart.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait_s(self, address: str, digest: str, now: datetime) -> float:
        """Return the seconds until this address may try this key; 0 for now."""
        if (network_of(address), digest) in self._proven:
            return 0.0
        failures = self._failures.get(network_of(address))
        if failures is None:
            return 0.0
        return max(0.0, failures.left(now) + 1 - MOST) * RENEWED_EVERY.total_seconds()

    def failed(self, address: str, now: datetime) -> None:
        network = network_of(address)
        before = self._failures.pop(network, None)
        count = 1.0 if before is None else min(before.left(now) + 1, MOST)
        self._failures[network] = _Failures(count, now)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, digest: str) -> None:
        self._proven[network_of(address), digest] = None
        self._proven.move_to_end((network_of(address), digest))
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)


def network_of(address: str) -> str:
    """Return the name under which a client counts: IPv4 address, IPv6 network, or other text."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_NETWORK), strict=False))
