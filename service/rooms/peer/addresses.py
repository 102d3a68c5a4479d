"""Which of the machine's addresses a peer gathers candidates on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import aioice.ice

_addresses: ContextVar[Sequence[str] | None] = ContextVar("_addresses", default=None)
_all_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """aioice hides loopback addresses; a server bound to one must offer it."""
    chosen = _addresses.get()
    if chosen is not None:
        return list(chosen)
    found: list[str] = _all_addresses(use_ipv4, use_ipv6)
    return found or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses


@contextmanager
def gathering_on(addresses: Sequence[str] | None) -> Iterator[None]:
    """Inside, peers gather on these addresses; None: on all but loopback."""
    token = _addresses.set(addresses)
    try:
        yield
    finally:
        _addresses.reset(token)
