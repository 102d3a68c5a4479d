"""Choice of the local addresses on which a peer gathers candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_addresses: ContextVar[Sequence[str] | None] = ContextVar("_addresses", default=None)

HostAddresses = Callable[[bool, bool], list[str]]


def choose_addresses(all_addresses: HostAddresses) -> HostAddresses:
    """Make the replacement of aioice's function, which offers no choice and omits loopback."""

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        chosen = _addresses.get()
        if chosen is not None:
            return list(chosen)
        return all_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]

    return host_addresses


@contextmanager
def gathering_on(addresses: Sequence[str] | None) -> Iterator[None]:
    """Make peers gather on these addresses inside the context; None: on all but loopback."""
    token = _addresses.set(addresses)
    try:
        yield
    finally:
        _addresses.reset(token)
