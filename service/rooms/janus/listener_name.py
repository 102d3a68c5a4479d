"""Name of our listener among a VideoRoom's members; it says whether we listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from service.rooms.janus.api import Handle, JanusRefusal


class ListenerName:
    """
    Attributes:
        problem: Reason why members see another name than they should; empty without one.

    Args:
        name: Name under which we joined.
        on_change: Called when `problem` has changed.
    """

    def __init__(self, name: str, on_change: Callable[[], None]) -> None:
        self._shown = self._wanted = name
        self._on_change = on_change
        self._changed = asyncio.Event()
        self.problem = ""

    def change(self, name: str) -> None:
        """Show another name soon; `keep` asks Janus for it."""
        self._wanted = name
        self._changed.set()

    async def keep(self, handle: Handle) -> NoReturn:
        """Show every new name to the room's members.

        Raises:
            RoomLost: The connection to Janus is gone.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            name = self._wanted
            if name == self._shown:
                continue
            try:
                await handle.ask({"request": "configure", "display": name})
            except JanusRefusal as error:
                self._set_problem(f"members cannot see our new name: {str(error)[:200]}")
            else:
                self._shown = name
                self._set_problem("")

    def _set_problem(self, problem: str) -> None:
        if self.problem != problem:
            self.problem = problem
            self._on_change()
