"""Replacements in aiortc and aioice for the whole process, made in one place.

A name that is not as we know it is not replaced: `private_names.py` says what that costs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from service.rooms.peer import addresses, ciphers, guard
from service.rooms.peer.contract import find_faults
from service.rooms.peer.private_names import PRIVATE_NAMES, Use, resolve_name

_REPLACEMENTS: dict[Use, Callable[[Any], Any]] = {
    Use.ADDRESSES: addresses.choose_addresses,
    Use.CIPHERS: ciphers.add_rsa_ciphers,
    Use.DATAGRAMS: guard.sort_datagrams,
}
"""Makers of our function from theirs, by its use. Each replaces one function."""
_applied: set[Use] = set()


def apply_replacements() -> None:
    """Replace the names that are as we know them, once per process. Needs a running event loop."""
    for use, replacing in _REPLACEMENTS.items():
        if use in _applied or find_faults({use}):
            continue
        _applied.add(use)
        [name] = [name for name in PRIVATE_NAMES if name.replaced and name.uses[0] is use]
        theirs = resolve_name(name.owner, name.name)
        setattr(resolve_name(name.owner), name.name, wraps(theirs)(replacing(theirs)))
