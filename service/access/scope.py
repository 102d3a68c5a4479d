"""Scope of a key: the rooms that it is for, as ids and globs (`*`, `?`).

A key without a scope is for all rooms. For a scoped key, a room outside its scope does not exist:
the answer is the same as for an unknown room, so that the key cannot probe which rooms there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Protocol

from pydantic import StringConstraints

from service.errors import Problem

GLOB_PATTERN = r"^[A-Za-z0-9._:@+=*?-]{1,128}$"
"""Ids of rooms and globs over them."""
MOST_GLOBS = 100
"""Entries of one scope."""

RoomGlob = Annotated[str, StringConstraints(pattern=GLOB_PATTERN)]

_WILDCARDS = re.compile(r"[*?]*\*[*?]*")


class Scoped(Protocol):
    """Caller, key or secret with a scope; empty: all rooms."""

    @property
    def rooms(self) -> Sequence[str]: ...


def in_scope(caller: Scoped, room_id: str) -> bool:
    """Return whether the caller's key is for this room."""
    return not caller.rooms or any(fnmatchcase(room_id, glob) for glob in caller.rooms)


def require_scope(caller: Scoped, room_id: str) -> None:
    """Refuse a room outside the scope, exactly as an unknown room is refused.

    Raises:
        Problem: 404.
    """
    if not in_scope(caller, room_id):
        raise no_such_room(room_id)


def no_such_room(room_id: str) -> Problem:
    """Make the refusal of a room that does not exist, or that the caller may not know of."""
    return Problem(404, "No such room", f"no room has the id {room_id[:128]!r}")


def about_all_rooms(caller: Scoped) -> Problem:
    """Make the refusal of a call that concerns all rooms, for a scoped key."""
    return Problem(
        403,
        "Not for a scoped key",
        f"this is about all rooms, and this key is for {describe_scope(caller.rooms)} only; name a"
        " room of these if the call takes one, or use a key that is not scoped",
    )


def glob_in_scope(caller: Scoped, glob: str) -> bool:
    """Return whether every room of this glob is surely in the scope.

    One entry of the scope must contain the whole glob: a glob that only several entries contain
    together counts as outside.
    """
    return not caller.rooms or any(glob_contains(outer, glob) for outer in caller.rooms)


def require_new_in_scope(caller: Scoped, named: str, *, what: str) -> None:
    """Refuse to make something for rooms outside the scope. It reveals nothing but the scope.

    Args:
        named: Id or glob of rooms.
        what: Field that names them, for the text, such as "`id`".

    Raises:
        Problem: 403.
    """
    if not glob_in_scope(caller, named):
        raise Problem(
            403,
            "Outside the key's rooms",
            f"{what} is {named!r}, and this key is for {describe_scope(caller.rooms)} only; name a"
            " room of these, or ask an admin for a key (a room server: a secret) for other rooms",
        )


def glob_contains(outer: str, inner: str) -> bool:
    """Return whether every text that matches `inner` surely matches `outer`.

    `inner` is read as a text in which `outer`'s `*` may stand for any stretch and its `?` for any
    character but `*`. Runs of wildcards are first brought into one order, since `*?` equals `?*`.
    True is always right; False may be wrong in rare cases, so that doubt refuses.
    """
    outer, inner = _ordered(outer), _ordered(inner)
    reached = {0}  # lengths of `inner` that the part of `outer` so far can stand for
    for symbol in outer:
        if symbol == "*":
            reached = set(range(min(reached), len(inner) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(inner) and _covers(symbol, inner[at])}
        if not reached:
            return False
    return len(inner) in reached


def describe_scope(rooms: Iterable[str]) -> str:
    """Return a scope for people."""
    return ", ".join(rooms) or "all rooms"


def _covers(symbol: str, of_inner: str) -> bool:
    return of_inner != "*" if symbol == "?" else symbol == of_inner


def _ordered(glob: str) -> str:
    """Return the same glob with `?` before `*` in each run of wildcards, and one `*` a run."""
    return _WILDCARDS.sub(lambda run: "?" * run[0].count("?") + "*", glob)
