"""The policies in force: one snapshot, replaced in one step, and how it is changed.

Whoever matches asks for the snapshot once for each utterance and so never sees a mixture. A change
is checked and compiled by a worker, put on record, and only then swapped in: refused or cut short,
it leaves everything as it was. One change at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from policies.finding import PackInvalid
from policies.load import Loaded, Source, decode_source, find_doubled
from policies.match import RuleStatus
from policies.matcher import ROOM_STATUSES, Matcher
from policies.pack import Pack
from service.clock import Clock
from service.errors import StoreAway
from service.metrics import Metrics
from service.rulebook.checking import Report, clashes
from service.rulebook.jobs import Checked
from service.rulebook.pack_work import NotReady, PackWork
from service.rulebook.plan import Adopt, Keep, Remove, Step, plan
from service.rulebook.ports import PolicyStore, PolicyWorker
from service.rulebook.refusals import NoSuchVersion, Refused, Stale
from service.rulebook.snapshot import Snapshot
from service.rulebook.trial import Tried, Verdict, judge_sentence
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

_UTTERANCE = 600
"""Characters that are matched in a millisecond or two, as an utterance's are; of a longer text the
worker takes care."""


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
        worker: Checks and compiles, but for what is loaded at the start, when nobody is heard yet.
        corpus: Folder of benign speech, on which rules keep to their budgets.
        snapshot: What is in force until `follow` says more; nothing, if left out.
    """

    def __init__(
        self,
        store: PolicyStore,
        worker: PolicyWorker,
        *,
        corpus: Path | None,
        metrics: Metrics,
        clock: Clock,
        snapshot: Snapshot | None = None,
    ) -> None:
        self._store = store
        self._work = PackWork(worker, corpus)
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
            Problem: 503, the store or the worker is away; nothing has changed.
        """
        async with self._changing:
            live = await self._expect(name, matching)
            try:
                source = decode_source(content, name)
            except PackInvalid as invalid:
                self._count(Origin.API, "refused")
                raise Refused(invalid.errors) from None
            taken = await self._versions_beside(name, digest_of(source.text))
            return await self._bring(name, source, live, Origin.API, by, {name: taken})

    async def roll_back(
        self, name: str, id_: int, by: By, matching: Collection[str] | None = None
    ) -> Change:
        """Bring an earlier text into force again, if it still passes every check.

        Raises:
            NoSuchVersion: There is none with this id that has a text.
            Refused, Stale, Problem: As `put`.
        """
        async with self._changing:
            live = await self._expect(name, matching)
            version = await self._store.find(name, id_)
            if version is None or version.origin is Origin.REMOVED:
                raise NoSuchVersion(name, id_)
            source = Source(_name_of(version), version.source)
            return await self._bring(name, source, live, Origin.ROLL_BACK, by, {})

    async def check(self, content: bytes) -> Checked:
        """What `put` would say, under the name that the text gives itself."""
        async with self._trying:
            try:
                source = decode_source(content, "")
            except PackInvalid as invalid:
                return Checked(None, None, None, invalid.errors, (), ())
            found = _NAMED.search(source.text)
            called = found[1] if found else ""
            taken = await self._versions_beside(called, digest_of(source.text))
            return await self._work.check(source, self.packs, {called: taken})

    async def check_file(self, path: Path) -> Report:
        """What is wrong with a changed file, taken by itself."""
        async with self._trying:
            return await self._work.check_file(path)

    async def trial(
        self,
        tried: Tried,
        statuses: Collection[RuleStatus] = ROOM_STATUSES,
        draft: str | None = None,
    ) -> Verdict:
        """What the policies in force make of a sentence, with rules of these statuses, and with a
        draft in the place of the pack of its name.

        Raises:
            Refused: The draft, with every error.
            Problem: 503, the worker is away.
        """
        in_force = draft is None and set(statuses) == set(ROOM_STATUSES)
        if in_force and len(tried.text) <= _UTTERANCE:
            return await asyncio.to_thread(judge_sentence, self.matcher(), tried)
        async with self._trying:
            try:
                return await self._work.try_sentence(tried, self.packs, statuses, draft)
            except PackInvalid as invalid:
                raise Refused(invalid.errors) from None

    async def _expect(self, name: str, matching: Collection[str] | None) -> LivePack | None:
        if self._unsure:
            await self._follow(*self._files)
        live = self._snapshot.find(name)
        ids = set() if live is None else {str(live.record.id), "*"}
        if matching is not None and ids.isdisjoint(matching):
            raise Stale(name, None if live is None else live.record)
        return live

    async def _versions_beside(self, name: str, digest: str) -> set[str]:
        """Versions of the pack that only other texts call themselves."""
        texts = await self._store.texts(name)
        own = {text.version for text in texts if text.digest == digest}
        return {text.version for text in texts} - own

    async def _bring(
        self,
        name: str,
        source: Source,
        live: LivePack | None,
        origin: Origin,
        by: By,
        versions: Mapping[str, Collection[str]],
    ) -> Change:
        same = live is not None and live.record.source == source.text
        ready = await self._work.prepare(source, name, self.packs, versions, compile_=not same)
        if isinstance(ready, NotReady):
            self._count(origin, "refused")
            raise Refused(ready.errors)
        pack, matcher = ready.pack, ready.matcher
        if live is not None and matcher is None:
            return Change(live, False, ready.warnings)
        assert matcher is not None
        told = What.ADDED if live is None else What.CHANGED
        new = NewVersion(pack.pack, pack.version, source.text, origin, by, told)
        (record,) = await self._record([new])
        brought = LivePack(pack, record)
        others = [each for each in self._snapshot.live if each.pack.pack != pack.pack]
        self._swap([*others, brought], matcher)
        self._count(origin, "swapped")
        return Change(brought, True, ready.warnings)

    async def _follow(self, files: Sequence[Loaded], origin: Origin) -> None:
        if errors := list(find_doubled(files)):
            raise PackInvalid(errors)
        newest = {each.pack: each for each in await self._store.newest()}
        filed = {each.pack: each for each in await self._store.newest(FROM_FILES)}
        steps = plan({each.pack.pack: each for each in files}, newest, filed)
        kept = await self._kept(steps)
        adopted = [step for step in steps if isinstance(step, Adopt)]
        if errors := list(clashes([step.file for step in adopted], [each.pack for each in kept])):
            raise PackInvalid(errors)
        packs = [*(each.pack for each in kept), *(step.file.pack for step in adopted)]
        new = [change for step in steps if (change := _change(step, origin))]
        if new or {each.record.id for each in kept} != _ids(self._snapshot):
            matcher = await self._work.compile_packs(packs, here=self._starting)
            _warn_of_versions(adopted, newest)
            records = {each.pack: each for each in await self._record(new)}
            fresh = [LivePack(step.file.pack, records[step.file.pack.pack]) for step in adopted]
            self._swap([*kept, *fresh], matcher)
            for _ in new:
                self._count(origin, "swapped")
        self._files = files, origin
        self._unsure = False

    async def _kept(self, steps: Sequence[Step]) -> list[LivePack]:
        """One that this release no longer takes gives way to its pack's file, if it has one."""
        known = {each.record.id: each for each in self._snapshot.live}
        kept: list[LivePack] = []
        for step in steps:
            if not isinstance(step, Keep):
                continue
            record, file = step.record, step.file
            try:
                kept.append(
                    known.get(record.id) or LivePack(await self._pack_of(record, file), record)
                )
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

    async def _pack_of(self, record: Version, file: tuple[Loaded, Version] | None) -> Pack:
        if file is not None and file[1].digest == record.digest:
            return file[0].pack
        source = Source(_name_of(record), record.source)
        return await self._work.load_record(source, here=self._starting)

    @property
    def _starting(self) -> bool:
        """Nothing is in force, and so nobody is heard yet."""
        return not self._snapshot.live

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
