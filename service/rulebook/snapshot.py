"""Snapshot of the policies in force: packs and the matcher compiled from them, immutable."""

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
    """Packs in the order of their names, and the matcher compiled from exactly these."""

    live: Sequence[LivePack]
    matcher: Matcher

    @property
    def packs(self) -> Sequence[Pack]:
        return [each.pack for each in self.live]

    def find_pack(self, name: str) -> LivePack | None:
        return next((each for each in self.live if each.pack.pack == name), None)


def compile_matcher(
    packs: Sequence[Pack], statuses: Collection[RuleStatus] = ROOM_STATUSES
) -> Matcher:
    """Compile a matcher; slow, for a worker. The order of the packs does not matter."""
    return Matcher(sorted(packs, key=lambda pack: pack.pack), statuses)


def apply_draft(packs: Sequence[Pack], draft: str | None) -> Sequence[Pack]:
    """Return the packs; a draft, if given, replaces the pack of its name.

    Raises:
        PackInvalid: The draft has errors; with every error.
    """
    if draft is None:
        return packs
    new = load_source(Source("draft", draft), Place(beside=packs)).pack
    return [*(pack for pack in packs if pack.pack != new.pack), new]
