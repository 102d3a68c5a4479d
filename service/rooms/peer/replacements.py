"""What we replace in aiortc and aioice for the whole process, applied in one place.

A name that is not as we know it is left alone: `contract.py` says what that costs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from service.rooms.peer import addresses, ciphers, guard
from service.rooms.peer.contract import broken
from service.rooms.peer.private_names import PRIVATE_NAMES, Use, find

_REPLACEMENTS: dict[Use, Callable[[Any], Any]] = {
    Use.ADDRESSES: addresses.choosing,
    Use.CIPHERS: ciphers.with_rsa,
    Use.DATAGRAMS: guard.sorting,
}
"""What makes our function from theirs, by what it is for; each replaces one function."""
_applied: set[Use] = set()


def apply() -> None:
    """Replace what is as we know it, once per process. Needs a running event loop."""
    for use, replacing in _REPLACEMENTS.items():
        if use in _applied or broken({use}):
            continue
        _applied.add(use)
        [name] = [name for name in PRIVATE_NAMES if name.replaced and name.uses[0] is use]
        theirs = find(name.owner, name.name)
        setattr(find(name.owner), name.name, wraps(theirs)(replacing(theirs)))
