"""Packs replaced while a thousand utterances a second are matched.

The live policies are changed again and again: each change is checked, recorded and put into force.
Every utterance must be matched by one version alone: each version has two rules for it, and both
matches must come from the same version.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rows import Row
from policies.spoken import Context, Spoken
from service.clock import utc_now
from service.errors import Failed
from service.logs import configure_logs
from service.metrics import Metrics
from service.rulebook.child_process import ChildProcess
from service.rulebook.live import LivePolicies
from service.rulebook.version import Author
from service.storage.policies import SqlPolicies
from service.storage.schema import open_database

_RATE = 1_000
_SECONDS = 5.0
_NAME = "bench"
_RULES = {"one", "two"}
_HEADER = """schema: 1
pack: bench
version: 1.0.{number}
title: T
description: D
policies:
"""
_RULE = """  - id: {id}
    title: T
    category: hate
    severity: low
    languages: [en]
    description: D
    match: {{words: {{tolerance: by_length, phrases: {{en: [verification code]}}}}}}
    tests: {{must_match: [verification code, a verification code, the verification code],
            must_not_match: [a, b, c]}}
"""
_SPOKEN = Spoken("so read me the very vacation code that we have just sent to you", "en")
_NOWHERE = Context("room", "speaker")


class _Changing:
    """Thread that sends one change after another, as `PUT /v1/policies/bench` does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench reload")
        self.live: LivePolicies
        self.swaps = 0

    def __enter__(self) -> _Changing:
        self._thread.start()
        while not self._ready.wait(0.1):
            if not self._thread.is_alive():
                raise Failed("bench: the policies could not be changed; the log says why")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._change())

    async def _change(self) -> None:
        database = await open_database(f"sqlite:///{self._folder / 'bench.db'}")
        try:
            async with ChildProcess("policies") as child:
                await self._put_again_and_again(SqlPolicies(database), child)
        finally:
            await database.close()

    async def _put_again_and_again(self, store: SqlPolicies, child: ChildProcess) -> None:
        self.live = LivePolicies(store, child, corpus=None, metrics=Metrics(), clock=utc_now)
        await self.live.put(_NAME, _text(0), Author("bench"))
        self._ready.set()
        while not self._stop.is_set():
            await self.live.put(_NAME, _text(self.swaps + 1), Author("bench"))
            self.swaps += 1
            await asyncio.sleep(0.02)


def reload() -> Iterator[Row]:
    """Measure matching while packs are replaced."""
    configure_logs("auto", "warning")  # not a line for every swap
    matched = mixed = unmatched = 0
    with TemporaryDirectory() as folder, _Changing(Path(folder)) as changing:
        live = changing.live
        start_s = time.monotonic()
        while (passed_s := time.monotonic() - start_s) < _SECONDS:
            if matched + unmatched >= passed_s * _RATE:
                time.sleep(0.0005)
                continue
            found = live.matcher().match(_SPOKEN, _NOWHERE)
            rules = {match.rule_id for match in found}
            versions = {match.pack_version for match in found}
            matched += rules == _RULES
            unmatched += rules != _RULES
            mixed += len(versions) > 1
    name = f"{matched + unmatched} utterances in {passed_s:.1f} s, {changing.swaps} reloads"
    yield Row(f"{name}: unmatched", unmatched, "", 0)
    yield Row(f"{name}: matched by a mixture of two versions", mixed, "", 0)
    rate = (matched + unmatched) / passed_s
    yield Row("rate while packs are reloaded", round(rate), "/s", _RATE * 0.99, True)


def _text(number: int) -> bytes:
    rules = "".join(_RULE.format(id=id) for id in sorted(_RULES))
    return (_HEADER.format(number=number) + rules).encode()
