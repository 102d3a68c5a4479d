"""Packs as operators send them, and live policies of packs made in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from policies.load import Loaded, Source, load_source
from policies.matcher import Matcher
from policies.pack import Pack
from service.clock import Clock
from service.metrics import Metrics
from service.rulebook.live import LivePolicies
from service.rulebook.ports import PolicyStore, PolicyWorker
from service.rulebook.snapshot import Snapshot
from service.rulebook.version import Author, LivePack, Origin, Version, digest_of
from tests.policies.writing import rule_text
from tests.rulebook.child import CHILD
from tests.storage.examples import NOW, SetClock

MO = Author("Mo", "key_1", "admin")
_PATTERN = """schema: 1
pack: {name}
version: {version}
title: T
description: D
policies:
"""


def text_of(
    name: str = "scams", version: str = "1.0.0", *, id_: str = "", word: str = "code"
) -> str:
    """A pack with one rule, which listens for "read me the" and a word."""
    match = f"match: {{words: {{phrases: {{en: [read me the {word}]}}}}}}"
    examples = ", ".join(f"{start} read me the {word}" for start in ("now", "please", "so"))
    tests = f"tests: {{must_match: [{examples}], must_not_match: [a, b, c]}}"
    rule = rule_text(id=f"id: {id_ or f'{name}-rule'}", match=match, tests=tests)
    return _PATTERN.format(name=name, version=version) + rule


def loaded(text: str, path: str = "") -> Loaded:
    source = Source(path or "scams.yaml", text)
    return load_source(source)


def files_of(*texts: str) -> list[Loaded]:
    """Load each text as a file with the name of its pack."""
    found = [load_source(Source("", text)).pack.pack for text in texts]
    return [loaded(text, f"{name}.yaml") for name, text in zip(found, texts, strict=True)]


def a_version(
    text: str, id_: int = 1, *, origin: Origin = Origin.FILE, name: str = "scams"
) -> Version:
    return Version(
        id=id_,
        pack=name,
        version="1.0.0",
        digest=digest_of(text),
        origin=origin,
        who="server",
        at=NOW,
        source=text,
    )


def snapshot_of(packs: Sequence[Pack]) -> Snapshot:
    live = [
        LivePack(pack, a_version("", number, name=pack.pack))
        for number, pack in enumerate(packs, 1)
    ]
    return Snapshot(tuple(live), Matcher(packs))


def live_of(
    store: PolicyStore,
    *,
    corpus: Path | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    snapshot: Snapshot | None = None,
    worker: PolicyWorker | None = None,
) -> LivePolicies:
    return LivePolicies(
        store,
        worker or CHILD,
        corpus=corpus,
        metrics=metrics or Metrics(),
        clock=clock or SetClock(),
        snapshot=snapshot,
    )


def in_force(live: LivePolicies) -> dict[str, str]:
    """Return the version of each pack in force."""
    return {pack.pack: pack.version for pack in live.packs}
