"""Which of the machine's addresses a peer gathers candidates on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_addresses: ContextVar[Sequence[str] | None] = ContextVar("_addresses", default=None)

HostAddresses = Callable[[bool, bool], list[str]]


def choosing(all_addresses: HostAddresses) -> HostAddresses:
    """Make the function that replaces aioice's, which knows no choice and hides loopback."""

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        chosen = _addresses.get()
        if chosen is not None:
            return list(chosen)
        return all_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]

    return host_addresses


@contextmanager
def gathering_on(addresses: Sequence[str] | None) -> Iterator[None]:
    """Inside, peers gather on these addresses; None: on all but loopback."""
    token = _addresses.set(addresses)
    try:
        yield
    finally:
        _addresses.reset(token)
