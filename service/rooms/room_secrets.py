"""Secret fields of rooms' connectors, such as PINs: sealed on record."""

from __future__ import annotations

import json
from collections.abc import Mapping

from service.access.sealing import CannotOpen, Seal
from service.rooms.ports import RoomStore


class RoomSecrets:
    """Seals and loads the secrets of rooms."""

    def __init__(self, store: RoomStore, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    def seal(self, room_id: str, secrets: Mapping[str, str]) -> str | None:
        """Return the secrets as sealed text; None where there are none."""
        if not secrets:
            return None
        return self._seal.close(json.dumps(dict(secrets), sort_keys=True), _owner(room_id))

    async def load(self, room_id: str) -> dict[str, str]:
        """Return the secrets of a room on record.

        Raises:
            CannotOpen: They were sealed with another key.
        """
        sealed = await self._store.sealed(room_id)
        if sealed is None:
            return {}
        opened: dict[str, str] = json.loads(self._seal.open(sealed, _owner(room_id)))
        return opened

    async def are_on_record(self, room_id: str, secrets: Mapping[str, str]) -> bool:
        """Whether the room on record has exactly these secrets, and they can be read."""
        try:
            return await self.load(room_id) == dict(secrets)
        except CannotOpen:
            return False


def _owner(room_id: str) -> str:
    return f"room {room_id}"
