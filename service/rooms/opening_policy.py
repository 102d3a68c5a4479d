"""Rooms that are opened without a request, when their room server reports them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


class Wanted:
    """The ids of these rooms.

    Args:
        listen_to: Ids, or globs of ids (EARSHOT_LISTEN_TO).
    """

    def __init__(self, listen_to: Sequence[str]) -> None:
        self._globs = tuple(listen_to)

    def __contains__(self, room_id: object) -> bool:
        return isinstance(room_id, str) and any(fnmatchcase(room_id, glob) for glob in self._globs)
