"""What changing policies needs from storage and from a worker."""

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
    """Does slow work on policies where it does not hold up the rooms."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function elsewhere. One job at a time, in the order in which they came; one that
        is cancelled is ended.

        Args:
            function: Of a module, so that it can be pickled by name, as can its arguments.

        Raises:
            Problem: 503, the job could not be done.
            PackInvalid: As the function.
        """
        ...


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
    ) -> tuple[Sequence[VersionEntry], str | None]:
        """Newest first, with the cursor of the next page."""
        ...


class RuleHitStore(Protocol):
    async def counted(self, period: Period) -> Counted:
        """What rules hit in a period, what became of it, and how much was heard."""
        ...

    async def past_utterances(
        self, *, words_since: datetime, hits_since: datetime, limit: int
    ) -> Sequence[PastUtterance]:
        """Words and hits on record, the oldest first; of either the newest `limit` at most.

        Hits that are excused count for nothing, and are left out.
        """
        ...
