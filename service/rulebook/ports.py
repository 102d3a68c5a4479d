"""Ports of the rulebook to storage and to the worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from policies.pack import Pack
from service.rulebook.past_utterance import PastUtterance
from service.rulebook.rule_report import Counted, Period
from service.rulebook.version import NewVersion, Origin, Text, Version, VersionEntry

P = ParamSpec("P")
R = TypeVar("R")


class PolicyWorker(Protocol):
    """Worker for slow policy work, which must not hold up the rooms."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in the worker.

        Jobs run one at a time, in the order in which they came. Cancelling a call ends its job.

        Args:
            function: Function of a module; it is pickled by name, its arguments by value.

        Raises:
            Problem: 503, the job could not be done.
            PackInvalid: Raised by the function.
        """
        ...


class PacksInForce(Protocol):
    """The packs that are matched now: `service.rulebook.live.LivePolicies`."""

    @property
    def packs(self) -> Sequence[Pack]: ...


class PolicyStore(Protocol):
    async def add(self, versions: Sequence[NewVersion], now: datetime) -> Sequence[Version]:
        """Store all versions with their events and audit entries, or none."""
        ...

    async def newest(self, origins: Collection[Origin] = tuple(Origin)) -> Sequence[Version]:
        """Return the newest version of each pack among those of these origins."""
        ...

    async def find_version(self, pack: str, id_: int) -> Version | None: ...

    async def texts(self, pack: str) -> Sequence[Text]:
        """Return each distinct text of the pack on record."""
        ...

    async def page(
        self, pack: str, *, limit: int, cursor: str | None = None
    ) -> tuple[Sequence[VersionEntry], str | None]:
        """Return a page of versions, newest first, and the cursor of the next page."""
        ...


class RuleHitStore(Protocol):
    async def counted(self, period: Period) -> Counted:
        """Count a period's hits, decisions and speech."""
        ...

    async def past_utterances(
        self, *, words_since: datetime, hits_since: datetime, limit: int
    ) -> Sequence[PastUtterance]:
        """Return words and hits on record, oldest first; at most the newest `limit` of each.

        Excused hits are left out.
        """
        ...
