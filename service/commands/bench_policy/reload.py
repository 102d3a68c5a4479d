"""Packs swapped while a thousand utterances a second are matched.

A matcher is compiled beside the one in use and put in its place in one step. Every utterance must
be matched, by one version alone: each has two rules for it, which must come from the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from policies.language import Language
from policies.load import load_text
from policies.matcher import Matcher
from policies.spoken import Context, Spoken
from service.commands.rows import Row

_RATE = 1_000
_SECONDS = 5.0
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
_SPOKEN = Spoken("so read me the very vacation code that we have just sent to you", Language.EN)
_NOWHERE = Context("room", "speaker")


class _Live:
    """What is in force, and a thread that puts a new version in its place again and again."""

    def __init__(self) -> None:
        self.matcher = _compiled(0)
        self.swaps = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._reload, name="bench reload")

    def __enter__(self) -> _Live:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _reload(self) -> None:
        while not self._stop.wait(0.02):
            self.matcher = _compiled(self.swaps + 1)
            self.swaps += 1


def reload() -> Iterator[Row]:
    matched = mixed = unmatched = 0
    with _Live() as live:
        start_s = time.monotonic()
        while (passed_s := time.monotonic() - start_s) < _SECONDS:
            if matched + unmatched >= passed_s * _RATE:
                time.sleep(0.0005)
                continue
            found = live.matcher.match(_SPOKEN, _NOWHERE)
            rules = {match.rule_id for match in found}
            versions = {match.pack_version for match in found}
            matched += rules == _RULES
            unmatched += rules != _RULES
            mixed += len(versions) > 1
    name = f"{matched + unmatched} utterances in {passed_s:.1f} s, {live.swaps} reloads"
    yield Row(f"{name}: unmatched", unmatched, "", 0)
    yield Row(f"{name}: matched by a mixture of two versions", mixed, "", 0)
    rate = (matched + unmatched) / passed_s
    yield Row("rate while packs are reloaded", round(rate), "/s", _RATE * 0.99, True)


def _compiled(number: int) -> Matcher:
    rules = "".join(_RULE.format(id=id) for id in _RULES)
    return Matcher([load_text(_HEADER.format(number=number) + rules, "bench")])
