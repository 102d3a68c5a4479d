"""Slow part of changing policies: jobs for the worker, and their results made ready for use.

Packs are pickled and matchers unpickled on a thread, in small pieces; other threads run in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.collector import without_collector
from policies.finding import PackError
from policies.load import Source, load_source
from policies.match import RuleStatus
from policies.matcher import Matcher
from policies.pack import Pack
from policies.packed import unpack_pack
from service.rulebook import jobs
from service.rulebook.checking import Report
from service.rulebook.jobs import Checked, PackPlace, Prepared
from service.rulebook.ports import PolicyWorker
from service.rulebook.snapshot import compile_matcher
from service.rulebook.trial import TrialSentence, Verdict


@dataclass(frozen=True, slots=True)
class Ready:
    """A pack that may come into force.

    Attributes:
        matcher: Matcher of this pack and those beside it; None if not asked for.
    """

    pack: Pack
    matcher: Matcher | None
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class NotReady:
    """A pack with errors."""

    errors: Sequence[PackError]


class PackWork:
    """Give jobs to the worker.

    Args:
        corpus: Folder of benign speech for false-alarm budgets.
    """

    def __init__(self, worker: PolicyWorker, corpus: Path | None) -> None:
        self._worker = worker
        self._corpus = corpus

    async def prepare(
        self,
        source: Source,
        name: str,
        beside: Sequence[Pack],
        versions: Mapping[str, Collection[str]],
        *,
        compile_: bool,
    ) -> Ready | NotReady:
        """Check a text of a pack and compile it with those beside it (`policies.load.Place`)."""
        place = PackPlace(name, await _pickled(beside), versions)
        prepared = await self._worker.run(
            jobs.prepare, source, place, self._corpus, compile_=compile_
        )
        if prepared.pack is None:
            return NotReady(prepared.errors)
        return await asyncio.to_thread(_ready, prepared, prepared.pack, beside)

    async def check(
        self, source: Source, beside: Sequence[Pack], versions: Mapping[str, Collection[str]]
    ) -> Checked:
        place = PackPlace(None, await _pickled(beside), versions)
        return await self._worker.run(jobs.check_text, source, place, self._corpus)

    async def check_file(self, path: Path) -> Report:
        pickled = await self._worker.run(jobs.check_file, path, self._corpus)
        return await asyncio.to_thread(jobs.unpack_report, pickled)

    async def try_sentence(
        self,
        sentence: TrialSentence,
        packs: Sequence[Pack],
        statuses: Collection[RuleStatus],
        draft: str | None,
    ) -> Verdict:
        """Try a sentence. Raises: PackInvalid, the draft has errors."""
        pickled = await _pickled(packs)
        return await self._worker.run(jobs.try_sentence, sentence, pickled, list(statuses), draft)

    async def compile_packs(self, packs: Sequence[Pack], *, here: bool) -> Matcher:
        """Compile a matcher of the packs.

        Args:
            here: True to use a thread of this process, while nobody is heard yet.
        """
        if here:
            return await asyncio.to_thread(compile_matcher, packs)
        packed = await self._worker.run(jobs.compile_packs, await _pickled(packs))
        return await asyncio.to_thread(jobs.unpack_compiled, packed, packs)

    async def load_record(self, source: Source, *, here: bool) -> Pack:
        """Load a pack from its text on record. Raises: PackInvalid"""
        if here:
            return (await asyncio.to_thread(load_source, source)).pack
        pickled = await self._worker.run(jobs.load_record, source)
        return await asyncio.to_thread(unpack_pack, pickled)


async def _pickled(packs: Sequence[Pack]) -> Sequence[bytes]:
    return await asyncio.to_thread(jobs.pack_up_packs, packs)


def _ready(prepared: Prepared, pickled: bytes, beside: Sequence[Pack]) -> Ready:
    """Unpickle a prepared pack and its matcher; call it in a thread."""
    with without_collector():
        pack = unpack_pack(pickled)
    if prepared.matcher is None:
        return Ready(pack, None, prepared.warnings)
    packs = [*(each for each in beside if each.pack != pack.pack), pack]
    return Ready(pack, jobs.unpack_compiled(prepared.matcher, packs), prepared.warnings)
