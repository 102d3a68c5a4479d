"""Policies in force: one snapshot, replaced in one step.

A caller that matches an utterance reads the snapshot once, and so never sees a mixture. A worker
checks and compiles a change; it is stored, and only then swapped in. A change that is refused or
interrupted leaves everything as it was. One change runs at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from service.rulebook.checking import Report, find_clashes
from service.rulebook.jobs import Checked
from service.rulebook.kept_packs import load_kept, name_of_record
from service.rulebook.pack_work import NotReady, PackWork
from service.rulebook.plan import Adopt, Keep, new_version, plan, warn_of_same_versions
from service.rulebook.ports import PolicyStore, PolicyWorker
from service.rulebook.refusals import NoSuchVersion, Refused, Stale
from service.rulebook.snapshot import Snapshot
from service.rulebook.trial import TrialSentence, Verdict, judge_sentence
from service.rulebook.version import (
    FROM_FILES,
    Author,
    ChangeKind,
    LivePack,
    NewVersion,
    Origin,
    Version,
    digest_of,
)

log = structlog.get_logger()


_NAMED = re.compile(r"^pack: *['\"]?([a-z][a-z0-9-]*)", re.MULTILINE)
"""Name of the pack in a text that may have any errors."""

_UTTERANCE = 600
"""Length of text, in characters, that is matched here in a millisecond or two; the worker matches
longer texts."""


@dataclass(frozen=True, slots=True)
class Change:
    """
    Attributes:
        changed: False if the text was in force already.
    """

    live: LivePack
    changed: bool
    warnings: Sequence[str] = ()


class LivePolicies:
    """The policies in force, and all ways to change them.

    Args:
        worker: Checks and compiles, except at the start, when nobody is heard yet.
        corpus: Folder of benign speech for false-alarm budgets.
        snapshot: Policies in force until the first `follow`; none by default.
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
        """True if a commit got no answer, so that the record may be newer than the snapshot."""

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def packs(self) -> Sequence[Pack]:
        return self._snapshot.packs

    def matcher(self) -> Matcher:
        return self._snapshot.matcher

    async def follow(self, files: Sequence[Loaded], origin: Origin) -> None:
        """Bring the packs into force that files and record ask for: see `plan`.

        Raises:
            PackInvalid: The files cannot be used together, or beside packs without a file.
            StoreAway: Nothing has changed.
        """
        async with self._changing:
            await self._follow(files, origin)

    async def put(
        self, name: str, content: bytes, by: Author, matching: Collection[str] | None = None
    ) -> Change:
        """Bring a text of a pack into force.

        Args:
            matching: Record ids of which one must be in force now, `*` for any; None sets no
                condition.

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
        self, name: str, id_: int, by: Author, matching: Collection[str] | None = None
    ) -> Change:
        """Bring an earlier text into force again, if it still passes every check.

        Raises:
            NoSuchVersion: No version with a text has this id.
            Refused, Stale, Problem: See `put`.
        """
        async with self._changing:
            live = await self._expect(name, matching)
            version = await self._store.find_version(name, id_)
            if version is None or version.origin is Origin.REMOVED:
                raise NoSuchVersion(name, id_)
            source = Source(name_of_record(version), version.source)
            return await self._bring(name, source, live, Origin.ROLL_BACK, by, {})

    async def check(self, content: bytes) -> Checked:
        """Check a text as `put` would, under the name in the text; change nothing."""
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
        """Check a changed file without regard to other packs."""
        async with self._trying:
            return await self._work.check_file(path)

    async def trial(
        self,
        sentence: TrialSentence,
        statuses: Collection[RuleStatus] = ROOM_STATUSES,
        draft: str | None = None,
    ) -> Verdict:
        """Try a sentence on the policies in force; change nothing.

        Args:
            statuses: Statuses of the rules to try.
            draft: Pack as YAML that replaces the pack of its name.

        Raises:
            Refused: The draft has errors; with every error.
            Problem: 503, the worker is away.
        """
        in_force = draft is None and set(statuses) == set(ROOM_STATUSES)
        if in_force and len(sentence.text) <= _UTTERANCE:
            return await asyncio.to_thread(judge_sentence, self.matcher(), sentence)
        async with self._trying:
            try:
                return await self._work.try_sentence(sentence, self.packs, statuses, draft)
            except PackInvalid as invalid:
                raise Refused(invalid.errors) from None

    async def _expect(self, name: str, matching: Collection[str] | None) -> LivePack | None:
        if self._unsure:
            await self._follow(*self._files)
        live = self._snapshot.find_pack(name)
        ids = set() if live is None else {str(live.record.id), "*"}
        if matching is not None and ids.isdisjoint(matching):
            raise Stale(name, None if live is None else live.record)
        return live

    async def _versions_beside(self, name: str, digest: str) -> set[str]:
        """Return the version numbers of the pack that texts with another digest use."""
        texts = await self._store.texts(name)
        own = {text.version for text in texts if text.digest == digest}
        return {text.version for text in texts} - own

    async def _bring(
        self,
        name: str,
        source: Source,
        live: LivePack | None,
        origin: Origin,
        by: Author,
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
        kind = ChangeKind.ADDED if live is None else ChangeKind.CHANGED
        new = NewVersion(pack.pack, pack.version, source.text, origin, by, kind)
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
        kept = await load_kept(
            [step for step in steps if isinstance(step, Keep)],
            self._snapshot,
            partial(self._work.load_record, here=self._starting),
            on_refused=lambda origin: self._count(origin, "refused"),
        )
        adopted = [step for step in steps if isinstance(step, Adopt)]
        if errors := list(
            find_clashes([step.file for step in adopted], [each.pack for each in kept])
        ):
            raise PackInvalid(errors)
        packs = [*(each.pack for each in kept), *(step.file.pack for step in adopted)]
        new = [version for step in steps if (version := new_version(step, origin))]
        if new or {each.record.id for each in kept} != _ids(self._snapshot):
            matcher = await self._work.compile_packs(packs, here=self._starting)
            warn_of_same_versions(adopted, newest)
            records = {each.pack: each for each in await self._record(new)}
            fresh = [LivePack(step.file.pack, records[step.file.pack.pack]) for step in adopted]
            self._swap([*kept, *fresh], matcher)
            for _ in new:
                self._count(origin, "swapped")
        self._files = files, origin
        self._unsure = False

    @property
    def _starting(self) -> bool:
        """True before the first policies are in force: nobody is heard yet."""
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
