"""A server's start and a publisher's call where aiortc and its kin lack one private name.

Each case is a process of its own, forked before anything of ours is imported. A name is either
`hidden`, from all but the libraries themselves, as if they had renamed it; or `gone`, for them too.

`python -m tests.rooms.peer.taking_away` prints what came of each case, one JSON object per line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import aiortc.rtp
import aiortc.sdp
import structlog

from service.rooms.peer.private_names import PRIVATE_NAMES, Outcome, PrivateName, find

MODES = ("hidden", "gone")
_LIBRARIES = ("aiortc", "aioice", "pylibsrtp", "asyncio")
_OURS = (
    "service.rooms.peer.at_start",
    "service.rooms.janus.reception",
    "benchmarks.ingest.player",
    "benchmarks.ingest.stock",
    "tests.rooms.house",
)
"""All of the server that imports aiortc, and what calls it here."""
_AT_ONCE = 4
_LIMIT_S = 20.0
_HEARD = 20


@dataclass
class Case:
    """What came of one case.

    Attributes:
        status: What the publisher was answered; 0: it did not come to that.
        heard: Packets that came.
        trickled: What a trickled candidate was answered.
        lines: The log's lines from the start on.
        failure: The traceback, where the server did not start.
    """

    name: str
    mode: str
    status: int = 0
    heard: int = 0
    trickled: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""


def cases() -> Iterator[tuple[PrivateName, str]]:
    """Every name in each mode; asyncio itself cannot do without its own."""
    for name in PRIVATE_NAMES:
        for mode in MODES:
            if mode == "hidden" or not name.owner.startswith("asyncio"):
                yield name, mode


def take_away(name: PrivateName, mode: str) -> None:
    """Hide a name of a module or a class, or of its instances."""
    module, _, kind = name.owner.partition(":")
    owner = find(name.owner)
    seen_by = _SEEN_BY[mode]
    if name.name == "datagram_received" and mode == "hidden":
        seen_by = _reads_for_asyncio
    if kind:
        vars(owner).get("__annotations__", {}).pop(name.name, None)
        setattr(owner, name.name, _Unseen(name.name, vars(owner).get(name.name), seen_by))
    elif mode == "gone":
        delattr(owner, name.name)
    else:
        import_module(module).__class__ = _without(name.name, seen_by)


class _Unseen:
    """An attribute that only some modules see."""

    def __init__(self, name: str, theirs: Any, seen_by: Callable[[str], bool]) -> None:
        self._name, self._theirs, self._seen_by = name, theirs, seen_by

    def __get__(self, instance: Any, owner: type) -> Any:
        if self._seen_by(sys._getframe(1).f_globals["__name__"]):
            if instance is not None and self._name in vars(instance):
                return vars(instance)[self._name]
            if hasattr(self._theirs, "__get__"):
                return self._theirs.__get__(instance, owner)
            if self._theirs is not None:
                return self._theirs
        raise AttributeError(f"{owner.__name__!r} has no attribute {self._name!r}")

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value


def _without(hidden: str, seen_by: Callable[[str], bool]) -> type[ModuleType]:
    class Module(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            if name == hidden and not seen_by(sys._getframe(1).f_globals["__name__"]):
                raise AttributeError(name)
            return super().__getattribute__(name)

    return Module


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES


def _reads_for_asyncio(module: str) -> bool:
    """Our poller reads in asyncio's place, for which `datagram_received` is public."""
    return _is_library(module) or module == "service.rooms.peer.poller"


_SEEN_BY: dict[str, Callable[[str], bool]] = {"hidden": _is_library, "gone": lambda where: False}


def run(name: PrivateName, mode: str) -> Case:
    """Take a name away, import the server, check the names as at its start, and call it."""
    case = Case(name.shown, mode)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _recorder(case.lines),
        ]
    )
    try:
        take_away(name, mode)
        for module in _OURS:
            import_module(module)
        asyncio.run(asyncio.wait_for(_call(case, name, mode), _LIMIT_S))
    except Exception:  # noqa: BLE001 - whatever keeps the server from starting
        case.failure = traceback.format_exc()
    return case


def _recorder(lines: list[dict[str, Any]]) -> Callable[..., Any]:
    def record(logger: Any, method: str, event: Mapping[str, Any]) -> Any:
        lines.append(json.loads(json.dumps(dict(event), default=str)))
        raise structlog.DropEvent

    return record


async def _call(case: Case, name: PrivateName, mode: str) -> None:
    """What `earshot serve` does at start, then a publisher's call to a room."""
    at_start = import_module("service.rooms.peer.at_start")
    calls = import_module("tests.rooms.calls")
    house = import_module("tests.rooms.house")
    await at_start.report_private_names(calls.LOOPBACK)
    if mode == "gone":
        with contextlib.suppress(TimeoutError):  # tasks of libraries that broke themselves
            async with house.connecting(ended_s=2) as rooms:
                await _publish(case, rooms, calls.corpus("chromium.sdp"))
        return
    async with house.connecting() as rooms:
        if name.outcome is Outcome.REFUSED:
            await _publish(case, rooms, calls.corpus("chromium.sdp"))
            return
        connection, _ = calls.publisher()
        try:
            answer = await _publish(case, rooms, await calls.offered(connection))
            await connection.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
            await calls.until(lambda: rooms.audience.packets > _HEARD)
            case.heard = rooms.audience.packets
        finally:
            await connection.close()


async def _publish(case: Case, rooms: Any, offer: str) -> str:
    errors = import_module("service.errors")
    whip_session = import_module("service.rooms.whip_session")
    incoming = import_module("service.rooms.peer.incoming")
    try:
        publisher = await rooms.publish(import_module("tests.rooms.fakes").a_speaker(), offer)
    except errors.Problem as problem:
        case.status = problem.status
        return ""
    case.status = 201
    candidates = incoming.Candidates(None, ["1 1 udp 2122260223 127.0.0.1 9 typ host"])
    try:
        await whip_session.add_candidates(publisher, candidates, publisher.etag)
        case.trickled = 204
    except errors.Problem as problem:
        case.trickled = problem.status
    return str(publisher.peer.sdp)


def _fork(name: PrivateName, mode: str, out: int) -> int:
    child = os.fork()
    if child == 0:
        os.write(out, (json.dumps(asdict(run(name, mode))) + "\n").encode())
        os._exit(0)
    return child


def _import_what_others_made() -> None:
    """Import once, for all cases, what the server imports of others."""
    said = f"import sys, {', '.join(_OURS)}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True).stdout
    for module in modules.decode().split():
        if module.partition(".")[0] not in ("service", "asr", "policies", "tests", "__main__"):
            with contextlib.suppress(ImportError):
                import_module(module)


def _main() -> None:
    _import_what_others_made()
    running = 0
    for name, mode in cases():
        if running == _AT_ONCE:
            os.wait()
            running -= 1
        _fork(name, mode, 1)
        running += 1
    for _ in range(running):
        os.wait()


if __name__ == "__main__":
    _main()
