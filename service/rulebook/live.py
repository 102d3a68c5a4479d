"""The policies in force: one snapshot, replaced in one step, and how it is changed.

Whoever matches asks for the snapshot once for each utterance and so never sees a mixture. A change
is checked and compiled in a thread, put on record, and only then swapped in: refused or cut short,
it leaves everything as it was. One change at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from policies.finding import PackInvalid
from policies.load import Loaded, Place, Source, decoded, doubled, load_source
from policies.match import RuleStatus
from policies.matcher import HEARD, Matcher
from policies.pack import Pack
from service.clock import Clock
from service.errors import StoreAway
from service.metrics import Metrics
from service.rulebook.checking import Report, check, check_file, clashes
from service.rulebook.plan import Adopt, Keep, Remove, Step, plan
from service.rulebook.ports import PolicyStore
from service.rulebook.refusals import NoSuchVersion, Refused, Stale
from service.rulebook.snapshot import Snapshot, compiled, draft_matcher
from service.rulebook.version import (
    FROM_FILES,
    By,
    LivePack,
    NewVersion,
    Origin,
    Version,
    What,
    digest_of,
)

log = structlog.get_logger()


_NAMED = re.compile(r"^pack: *['\"]?([a-z][a-z0-9-]*)", re.MULTILINE)
"""The name that a text gives its pack, whatever else is wrong with it."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    Attributes:
        changed: False where the text was in force already.
    """

    live: LivePack
    changed: bool
    warnings: Sequence[str] = ()


class LivePolicies:
    """
    Args:
        corpus: Folder of benign speech, on which rules keep to their budgets.
        snapshot: What is in force until `follow` says more; nothing, if left out.
    """

    def __init__(
        self,
        store: PolicyStore,
        *,
        corpus: Path | None,
        metrics: Metrics,
        clock: Clock,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._store = store
        self._corpus = corpus
        self._metrics = metrics
        self._clock = clock
        self._changing, self._trying = asyncio.Lock(), asyncio.Lock()
        self._snapshot = snapshot or Snapshot((), Matcher([]))
        self._files: tuple[Sequence[Loaded], Origin] = ((), Origin.FILE)
        self._unsure = False
        """A commit got no answer: what is on record may be newer than the snapshot."""

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def packs(self) -> Sequence[Pack]:
        return self._snapshot.packs

    def matcher(self) -> Matcher:
        return self._snapshot.matcher

    async def follow(self, files: Sequence[Loaded], origin: Origin) -> None:
        """Bring into force what files and record say: see `plan`.

        Raises:
            PackInvalid: The files cannot be used together, or beside packs without a file.
            StoreAway: Nothing has changed.
        """
        async with self._changing:
            await self._follow(files, origin)

    async def put(
        self, name: str, content: bytes, by: By, matching: Collection[str] | None = None
    ) -> Change:
        """Bring a text of a pack into force.

        Args:
            matching: Record ids of which one must be in force now, `*` for any; None: whatever is.

        Raises:
            Refused: With every error.
            Stale: Another record is in force.
            StoreAway: Nothing has changed.
        """
        async with self._changing:
            live = await self._expect(name, matching)
            report = await self._checked(content, name)
            if report.loaded is None:
                self._count(Origin.API, "refused")
                raise Refused(report.errors)
            return await self._bring(report.loaded, live, Origin.API, by, report.warnings)

    async def roll_back(
        self, name: str, id_: int, by: By, matching: Collection[str] | None = None
    ) -> Change:
        """Bring an earlier text into force again, if it still passes every check.

        Raises:
            NoSuchVersion: There is none with this id that has a text.
            Refused, Stale, StoreAway: As `put`.
        """
        async with self._changing:
            live = await self._expect(name, matching)
            version = await self._store.find(name, id_)
            if version is None or version.origin is Origin.REMOVED:
                raise NoSuchVersion(name, id_)
            source = Source(_name_of(version), version.source)
            place = Place(name, self.packs)
            report = await asyncio.to_thread(check, source, place, self._corpus)
            if report.loaded is None:
                self._count(Origin.ROLL_BACK, "refused")
                raise Refused(report.errors)
            return await self._bring(report.loaded, live, Origin.ROLL_BACK, by, report.warnings)

    async def check(self, content: bytes) -> Report:
        """What `put` would say, under the name that the text gives itself."""
        async with self._trying:
            return await self._checked(content, None)

    async def check_file(self, path: Path) -> Report:
        """What is wrong with a changed file, taken by itself."""
        async with self._trying:
            return await asyncio.to_thread(check_file, path, self._corpus)

    async def trial(
        self, statuses: Collection[RuleStatus] = HEARD, draft: str | None = None
    ) -> Matcher:
        """The policies in force, with rules of these statuses, and with a draft in the place of
        the pack of its name.

        Raises:
            Refused: The draft, with every error.
        """
        if draft is None and set(statuses) == set(HEARD):
            return self.matcher()
        async with self._trying:
            return await asyncio.to_thread(draft_matcher, self.packs, statuses, draft)

    async def _expect(self, name: str, matching: Collection[str] | None) -> LivePack | None:
        if self._unsure:
            await self._follow(*self._files)
        live = self._snapshot.find(name)
        ids = set() if live is None else {str(live.record.id), "*"}
        if matching is not None and ids.isdisjoint(matching):
            raise Stale(name, None if live is None else live.record)
        return live

    async def _checked(self, content: bytes, name: str | None) -> Report:
        try:
            source = decoded(content, name or "")
        except PackInvalid as invalid:
            return Report(None, invalid.errors)
        found = _NAMED.search(source.text)
        called = name or (found[1] if found else "")
        taken = await self._versions_beside(called, digest_of(source.text))
        place = Place(name, self.packs, {called: taken})
        return await asyncio.to_thread(check, source, place, self._corpus)

    async def _versions_beside(self, name: str, digest: str) -> set[str]:
        """Versions of the pack that only other texts call themselves."""
        texts = await self._store.texts(name)
        own = {text.version for text in texts if text.digest == digest}
        return {text.version for text in texts} - own

    async def _bring(
        self,
        loaded: Loaded,
        live: LivePack | None,
        origin: Origin,
        by: By,
        warnings: Sequence[str],
    ) -> Change:
        source, pack = loaded.source.text, loaded.pack
        if live is not None and live.record.source == source:
            return Change(live, False, warnings)
        told = What.ADDED if live is None else What.CHANGED
        others = [each for each in self._snapshot.live if each.pack.pack != pack.pack]
        matcher = await asyncio.to_thread(compiled, [*(each.pack for each in others), pack])
        new = NewVersion(pack.pack, pack.version, source, origin, by, told)
        (record,) = await self._record([new])
        brought = LivePack(pack, record)
        self._swap([*others, brought], matcher)
        self._count(origin, "swapped")
        return Change(brought, True, warnings)

    async def _follow(self, files: Sequence[Loaded], origin: Origin) -> None:
        if errors := list(doubled(files)):
            raise PackInvalid(errors)
        newest = {each.pack: each for each in await self._store.newest()}
        filed = {each.pack: each for each in await self._store.newest(FROM_FILES)}
        steps = plan({each.pack.pack: each for each in files}, newest, filed)
        kept = await asyncio.to_thread(self._kept, steps)
        adopted = [step for step in steps if isinstance(step, Adopt)]
        if errors := list(clashes([step.file for step in adopted], [each.pack for each in kept])):
            raise PackInvalid(errors)
        packs = [*(each.pack for each in kept), *(step.file.pack for step in adopted)]
        new = [change for step in steps if (change := _change(step, origin))]
        if new or {each.record.id for each in kept} != _ids(self._snapshot):
            matcher = await asyncio.to_thread(compiled, packs)
            _warn_of_versions(adopted, newest)
            records = {each.pack: each for each in await self._record(new)}
            fresh = [LivePack(step.file.pack, records[step.file.pack.pack]) for step in adopted]
            self._swap([*kept, *fresh], matcher)
            for _ in new:
                self._count(origin, "swapped")
        self._files = files, origin
        self._unsure = False

    def _kept(self, steps: Sequence[Step]) -> list[LivePack]:
        """One that this release no longer takes gives way to its pack's file, if it has one."""
        known = {each.record.id: each for each in self._snapshot.live}
        kept: list[LivePack] = []
        for step in steps:
            if not isinstance(step, Keep):
                continue
            record, file = step.record, step.file
            try:
                kept.append(known.get(record.id) or LivePack(_pack_of(record, file), record))
            except PackInvalid as invalid:
                log.error(
                    "policies.record_refused",
                    pack=record.pack,
                    version_id=record.id,
                    errors=len(invalid.errors),
                    file_instead=file is not None,
                )
                self._count(record.origin, "refused")
                if file is not None:
                    kept.append(LivePack(file[0].pack, file[1]))
        return kept

    async def _record(self, new: Sequence[NewVersion]) -> Sequence[Version]:
        if not new:
            return []
        try:
            return await self._store.add(new, self._clock())
        except StoreAway:
            self._unsure = True
            raise

    def _swap(self, live: Sequence[LivePack], matcher: Matcher) -> None:
        before, after = _ids(self._snapshot), {each.record.id for each in live}
        self._snapshot = Snapshot(tuple(sorted(live, key=lambda each: each.pack.pack)), matcher)
        log.info(
            "policies.swapped", packs=len(live), new=len(after - before), old=len(before - after)
        )

    def _count(self, origin: Origin, outcome: str) -> None:
        self._metrics.policy_changes.labels(origin, outcome).inc()


def _ids(snapshot: Snapshot) -> set[int]:
    return {each.record.id for each in snapshot.live}


def _pack_of(record: Version, file: tuple[Loaded, Version] | None) -> Pack:
    if file is not None and file[1].digest == record.digest:
        return file[0].pack
    return load_source(Source(_name_of(record), record.source)).pack


def _name_of(version: Version) -> str:
    return f"version {version.id} of {version.pack}"


def _change(step: Step, origin: Origin) -> NewVersion | None:
    match step:
        case Adopt(file, told):
            pack = file.pack
            return NewVersion(pack.pack, pack.version, file.source.text, origin, By(), told)
        case Remove(last):
            removed = Origin.REMOVED
            return NewVersion(last.pack, last.version, "", removed, By(), What.REMOVED)
        case Keep():
            return None


def _warn_of_versions(adopted: Sequence[Adopt], newest: dict[str, Version]) -> None:
    """A person at a keyboard is told by the answer; who edits a file, by the log."""
    for step in adopted:
        pack, last = step.file.pack, newest.get(step.file.pack.pack)
        if step.told is What.CHANGED and last is not None and last.version == pack.version:
            log.warning("policies.version_not_raised", pack=pack.pack, version=pack.version)
