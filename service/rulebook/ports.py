"""What changing policies needs from storage."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from policies.pack import Pack
from service.rulebook.version import Listed, NewVersion, Origin, Text, Version


class PacksInForce(Protocol):
    """The packs that are matched now: `service.rulebook.live.LivePolicies`."""

    @property
    def packs(self) -> Sequence[Pack]: ...


class PolicyStore(Protocol):
    async def add(self, versions: Sequence[NewVersion], now: datetime) -> Sequence[Version]:
        """Put them on record with their events and audit entries: all of them, or none."""
        ...

    async def newest(self, origins: Collection[Origin] = tuple(Origin)) -> Sequence[Version]:
        """The newest version of each pack, of those that came this way."""
        ...

    async def find(self, pack: str, id_: int) -> Version | None: ...

    async def texts(self, pack: str) -> Sequence[Text]:
        """Every text of the pack that is on record, once."""
        ...

    async def page(
        self, pack: str, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[Listed], str | None]:
        """Newest first, with the cursor of the next page."""
        ...
