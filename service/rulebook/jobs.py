"""Jobs about packs for a `PolicyWorker`, and their results.

Each pack is a pickle of its own (`policies.packed`): the server copies bytes, and the worker caches
what it has unpickled.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from policies.collector import without_collector
from policies.finding import PackError
from policies.load import Place, Source, load_source
from policies.match import RuleStatus
from policies.matcher import Matcher
from policies.pack import Pack, Rule
from policies.packed import PackedMatcher, pack_up, pack_up_matcher, unpack_matcher, unpack_pack
from service.rulebook.checking import Budget, Report, check
from service.rulebook.checking import check_file as check_one_file
from service.rulebook.snapshot import apply_draft, compile_matcher
from service.rulebook.trial import TrialSentence, Verdict, judge_sentence

_REMEMBERED = 64
"""Unpickled packs in the cache."""


@dataclass(frozen=True, slots=True)
class PackPlace:
    """`policies.load.Place` with pickled packs."""

    name: str | None
    beside: Sequence[bytes]
    versions: Mapping[str, Collection[str]]

    def place(self) -> Place:
        return Place(self.name, unpack_all(self.beside), self.versions)


@dataclass(frozen=True, slots=True)
class Checked:
    """
    Attributes:
        pack: Name in the text; None if it has errors.
        version: Version in the text; None if it has errors.
        examples: Number of examples of all rules; None if it has errors.
    """

    pack: str | None
    version: str | None
    examples: int | None
    errors: Sequence[PackError]
    warnings: Sequence[str]
    budgets: Sequence[Budget]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pack that may come into force.

    Attributes:
        pack: The pickled pack; None if there are errors.
        matcher: Matcher of all packs that will be in force; None if not asked for.
    """

    errors: Sequence[PackError]
    warnings: Sequence[str]
    pack: bytes | None
    matcher: PackedMatcher | None


def check_text(source: Source, place: PackPlace, corpus: Path | None) -> Checked:
    report = check(source, place.place(), corpus)
    pack = None if report.loaded is None else report.loaded.pack
    return Checked(
        pack=None if pack is None else pack.pack,
        version=None if pack is None else pack.version,
        examples=None if pack is None else sum(map(_examples, pack.policies)),
        errors=report.errors,
        warnings=report.warnings,
        budgets=report.budgets,
    )


def prepare(source: Source, place: PackPlace, corpus: Path | None, *, compile_: bool) -> Prepared:
    """Check a pack, and compile it with those beside it."""
    here = place.place()
    report = check(source, here, corpus)
    if report.loaded is None:
        return Prepared(report.errors, report.warnings, None, None)
    pack, matcher = report.loaded.pack, None
    if compile_:
        packs = [*(each for each in here.beside if each.pack != pack.pack), pack]
        matcher = pack_up_matcher(compile_matcher(packs), packs)
    return Prepared((), report.warnings, pack_up(pack), matcher)


def check_file(path: Path, corpus: Path | None) -> bytes:
    """Check a file without regard to other packs. Returns a pickled `checking.Report`."""
    return pack_up(check_one_file(path, corpus))


def unpack_report(packed: bytes) -> Report:
    """Unpickle a report; call it in a thread, as a report holds a whole document."""
    with without_collector():
        report = pickle.loads(packed)
    assert isinstance(report, Report)
    return report


def load_record(source: Source) -> bytes:
    """Load a pack from its text on record. Returns it pickled.

    Raises:
        PackInvalid
    """
    return pack_up(load_source(source).pack)


def compile_packs(packs: Sequence[bytes]) -> PackedMatcher:
    known = unpack_all(packs)
    return pack_up_matcher(compile_matcher(known), known)


def try_sentence(
    sentence: TrialSentence,
    packs: Sequence[bytes],
    statuses: Sequence[RuleStatus],
    draft: str | None,
) -> Verdict:
    """Try a sentence on the packs; a draft replaces the pack of its name.

    Raises:
        PackInvalid: The draft has errors.
    """
    return judge_sentence(
        compile_matcher(apply_draft(unpack_all(packs), draft), statuses), sentence
    )


def pack_up_packs(packs: Sequence[Pack]) -> list[bytes]:
    """Pickle the packs; call it in a thread. Other threads run between two packs."""
    pickled = []
    for pack in packs:
        pickled.append(pack_up(pack))
        time.sleep(0)
    return pickled


def unpack_compiled(packed: PackedMatcher, packs: Sequence[Pack]) -> Matcher:
    """Unpickle a matcher; call it in a thread. Other threads run between two of its pieces."""
    return unpack_matcher(packed, packs, between=lambda: time.sleep(0))


def unpack_all(packs: Sequence[bytes]) -> list[Pack]:
    return [_unpacked(each) for each in packs]


@lru_cache(_REMEMBERED)
def _unpacked(pack: bytes) -> Pack:
    return unpack_pack(pack)


def _examples(rule: Rule) -> int:
    tests = rule.tests
    return len(tests.must_match) + len(tests.must_not_match) + len(tests.must_excuse)
