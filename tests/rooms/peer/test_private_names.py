"""Tests that the list of private names is complete, and that the server runs without any."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from service.rooms.peer.contract import TESTED
from service.rooms.peer.private_names import COSTS, PRIVATE_NAMES, Outcome, PrivateName, Use
from tests.rooms.peer.missing_names import cases
from tests.rooms.peer.reach_ins import ROOT, ReachIn, reach_ins, sources

LIST = "service/rooms/peer/private_names.py"
LIST_USERS = {"service/rooms/peer/contract.py", "service/rooms/peer/replacements.py"}
"""Files that resolve the names of the list, and so no literal ones."""


def unlisted(found: Sequence[ReachIn]) -> list[str]:
    names = {name.name for name in PRIVATE_NAMES}
    owned = {(name.owner, name.name) for name in PRIVATE_NAMES}
    parents = {name.owner for name in PRIVATE_NAMES}
    return [
        str(one)
        for one in found
        if one.name not in names
        or (
            one.owner
            and (one.owner, one.name) not in owned
            and f"{one.owner}:{one.name}" not in parents
        )
    ]


def test_every_private_name_that_the_product_uses_is_listed() -> None:
    missing = []
    for path in sources("service", "asr", "policies", "benchmarks"):
        where = str(path.relative_to(ROOT))
        found = [one for one in reach_ins(path.read_text(), where) if one.name != "?"]
        missing += unlisted(found)
        if where not in LIST_USERS:
            missing += [str(one) for one in reach_ins(path.read_text(), where) if one.name == "?"]
    assert not missing, f"list these in {LIST}: " + "; ".join(missing)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("transport._ssl.shutdown()", "_ssl"),
        ("sender._RTCRtpSender__rtp_task.cancel()", "_RTCRtpSender__rtp_task"),
        ("getattr(transport, '_ssl', None)", "_ssl"),
        ("_NAME = '_ssl'\nsetattr(transport, _NAME, None)", "_ssl"),
        ("from aiortc.rtcsctptransport import Chunk", "Chunk"),
        ("import aioice.turn\naioice.turn.create_turn_endpoint = None", "create_turn_endpoint"),
        ("import aiortc\nrouter.register_sender(sender, 3)", "register_sender"),
        ("import aiortc\nreceiver.getStats = None", "getStats"),
        ("resolve_name('aiortc.clock', 'current_ms')", "current_ms"),
        ("resolve_name(f'aiortc.{module}', name)", "?"),
        ("def replacing(theirs):\n  def f(self):\n    return other._queue_of_ice", "_queue_of_ice"),
    ],
)
def test_a_private_name_that_is_not_listed_is_found_with_its_line(text: str, name: str) -> None:
    found = unlisted(reach_ins(text, "service/x.py"))
    assert any(one.startswith("service/x.py:") and one.endswith(name) for one in found), found


def test_each_listed_name_is_used_and_listed_once() -> None:
    text = " ".join(
        path.read_text()
        for path in sources("service", "benchmarks")
        if str(path.relative_to(ROOT)) != LIST
    )
    used = set(re.findall(r"\w+", text))
    idle = [name.shown for name in PRIVATE_NAMES if name.name not in used and not name.replaced]
    assert idle == []
    times = Counter((name.owner, name.name) for name in PRIVATE_NAMES)
    assert [name for name, count in times.items() if count > 1] == []


def test_every_use_has_a_cost_and_a_name() -> None:
    assert set(COSTS) == set(Use)
    assert {use for name in PRIVATE_NAMES for use in name.uses} == set(Use)


def test_the_versions_that_are_tested_are_those_that_are_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {name: f">={version},<{_next(version)}" for name, version in TESTED.items()}
    required = [need for need in project["dependencies"] if need.startswith(tuple(TESTED))]
    assert sorted(required) == sorted(name + bounds for name, bounds in wanted.items())


def _next(version: str) -> str:
    major, minor = version.split(".")
    return f"{major}.{int(minor) + 1}"


@cache
def outcomes() -> dict[tuple[str, str], dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.rooms.peer.missing_names"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return {(one["name"], one["mode"]): one for one in results}


def is_named(case: dict[str, Any], event: str, name: PrivateName) -> bool:
    """Tell whether a log line of this event names the name, as missing or in a library's error."""
    lines = [line for line in case["lines"] if line["event"] == event]
    return any(name.shown in " ".join(line["missing"]) for line in lines) or any(
        name.name in line.get("error", "") for line in lines
    )


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("name", "mode"), [pytest.param(*case, id=f"{case[0].shown} {case[1]}") for case in cases()]
)
def test_without_a_name_the_server_starts_and_no_publisher_is_blamed(
    name: PrivateName, mode: str
) -> None:
    case = outcomes()[name.shown, mode]
    assert case["failure"] == ""
    assert case["status"] in (201, 500)
    if case["status"] == 500:
        assert is_named(case, "peer.cannot_answer", name)
    start_lines = [line for line in case["lines"] if line["event"] in START_EVENTS]
    if name.outcome is not Outcome.UNTOUCHED:
        assert len(start_lines) == 1
        assert is_named(case, start_lines[0]["event"], name)
        assert start_lines[0]["costs"]
    if mode == "hidden":
        assert_outcome(name, case)


START_EVENTS = ("peer.cannot_answer_anyone", "peer.names_missing")


def assert_outcome(name: PrivateName, case: dict[str, Any]) -> None:
    """Check that the list states the right outcome for a publisher."""
    refused = name.outcome is Outcome.REFUSED
    assert case["status"] == (500 if refused else 201)
    assert refused or case["heard"] > 0
    if not refused and name.outcome is not Outcome.UNTOUCHED:
        [start_line] = [line for line in case["lines"] if line["event"] == "peer.names_missing"]
        assert {COSTS[use].sentence for use in name.uses} >= set(start_line["costs"])
    assert is_named(case, "peer.stock_path", name) == (name.outcome is Outcome.STOCK)
    if not refused:
        assert case["trickled"] == (500 if Use.CANDIDATES in name.uses else 204)
