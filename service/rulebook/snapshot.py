"""What is in force at one moment, never changed: packs and the matcher compiled of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from policies.load import Place, Source, load_source
from policies.match import RuleStatus
from policies.matcher import ROOM_STATUSES, Matcher
from policies.pack import Pack
from service.rulebook.version import LivePack


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Packs by name, and the matcher that was compiled of exactly these."""

    live: Sequence[LivePack]
    matcher: Matcher

    @property
    def packs(self) -> Sequence[Pack]:
        return [each.pack for each in self.live]

    def find(self, name: str) -> LivePack | None:
        return next((each for each in self.live if each.pack.pack == name), None)


def compiled(packs: Sequence[Pack], statuses: Collection[RuleStatus] = ROOM_STATUSES) -> Matcher:
    """Slow: for a worker. In the order of their names, so that it depends on nothing else."""
    return Matcher(sorted(packs, key=lambda pack: pack.pack), statuses)


def with_draft(packs: Sequence[Pack], draft: str | None) -> Sequence[Pack]:
    """With a draft, if there is one, in the place of the pack of its name.

    Raises:
        PackInvalid: The draft, with every error.
    """
    if draft is None:
        return packs
    new = load_source(Source("draft", draft), Place(beside=packs)).pack
    return [*(pack for pack in packs if pack.pack != new.pack), new]
