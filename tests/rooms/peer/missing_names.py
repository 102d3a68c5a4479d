"""Start of a server and call of a publisher while one private name is missing in a library.

Each case is a process of its own, forked before anything of ours is imported. A name is either
`hidden` from all but the libraries themselves, as if they had renamed it, or `gone` for them too.

`python -m tests.rooms.peer.missing_names` prints the result of each case, one JSON object per line.
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

from service.rooms.peer.private_names import PRIVATE_NAMES, Outcome, PrivateName, resolve_name

MODES = ("hidden", "gone")
_LIBRARIES = ("aiortc", "aioice", "pylibsrtp", "asyncio")
_OURS = (
    "service.rooms.peer.startup_check",
    "service.rooms.janus.reception",
    "benchmarks.ingest.player",
    "benchmarks.ingest.stock",
    "tests.rooms.house",
)
"""The parts of the server that import aiortc, and their callers here."""
_AT_ONCE = 4
_LIMIT_S = 20.0
_HEARD = 20


@dataclass
class Case:
    """Result of one case.

    Attributes:
        status: HTTP status of the answer to the offer; 0: none.
        heard: Number of packets received.
        trickled: HTTP status of the answer to a trickled candidate; 0: none.
        lines: Lines of the log from the start on.
        failure: Traceback where the server did not start.
    """

    name: str
    mode: str
    status: int = 0
    heard: int = 0
    trickled: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""


def cases() -> Iterator[tuple[PrivateName, str]]:
    """Yield every name in each mode. asyncio's own names are never gone: it needs them itself."""
    for name in PRIVATE_NAMES:
        for mode in MODES:
            if mode == "hidden" or not name.owner.startswith("asyncio"):
                yield name, mode


def remove_name(name: PrivateName, mode: str) -> None:
    """Hide a name of a module or a class, or of its instances."""
    module, _, kind = name.owner.partition(":")
    owner = resolve_name(name.owner)
    visible_to = _VISIBLE_TO[mode]
    if name.name == "datagram_received" and mode == "hidden":
        visible_to = _reads_for_asyncio
    if kind:
        vars(owner).get("__annotations__", {}).pop(name.name, None)
        setattr(owner, name.name, _Hidden(name.name, vars(owner).get(name.name), visible_to))
    elif mode == "gone":
        delattr(owner, name.name)
    else:
        import_module(module).__class__ = _without(name.name, visible_to)


class _Hidden:
    """An attribute that only some modules can see."""

    def __init__(self, name: str, theirs: Any, visible_to: Callable[[str], bool]) -> None:
        self._name, self._theirs, self._visible_to = name, theirs, visible_to

    def __get__(self, instance: Any, owner: type) -> Any:
        if self._visible_to(sys._getframe(1).f_globals["__name__"]):
            if instance is not None and self._name in vars(instance):
                return vars(instance)[self._name]
            if hasattr(self._theirs, "__get__"):
                return self._theirs.__get__(instance, owner)
            if self._theirs is not None:
                return self._theirs
        raise AttributeError(f"{owner.__name__!r} has no attribute {self._name!r}")

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value


def _without(hidden: str, visible_to: Callable[[str], bool]) -> type[ModuleType]:
    class Module(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            if name == hidden and not visible_to(sys._getframe(1).f_globals["__name__"]):
                raise AttributeError(name)
            return super().__getattribute__(name)

    return Module


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in _LIBRARIES


def _reads_for_asyncio(module: str) -> bool:
    """Also allow our poller, which stands in for asyncio: to it `datagram_received` is public."""
    return _is_library(module) or module == "service.rooms.peer.poller"


_VISIBLE_TO: dict[str, Callable[[str], bool]] = {"hidden": _is_library, "gone": lambda where: False}


def run_case(name: PrivateName, mode: str) -> Case:
    """Remove a name, import the server, check the names as at its start, and publish to it."""
    case = Case(name.shown, mode)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _recorder(case.lines),
        ]
    )
    try:
        remove_name(name, mode)
        for module in _OURS:
            import_module(module)
        asyncio.run(asyncio.wait_for(_call(case, name, mode), _LIMIT_S))
    except Exception:  # noqa: BLE001 - any error keeps the server from starting
        case.failure = traceback.format_exc()
    return case


def _recorder(lines: list[dict[str, Any]]) -> Callable[..., Any]:
    def record(logger: Any, method: str, event: Mapping[str, Any]) -> Any:
        lines.append(json.loads(json.dumps(dict(event), default=str)))
        raise structlog.DropEvent

    return record


async def _call(case: Case, name: PrivateName, mode: str) -> None:
    """Check the names as `earshot serve` does at start, then publish into a room."""
    startup_check = import_module("service.rooms.peer.startup_check")
    calls = import_module("tests.rooms.calls")
    house = import_module("tests.rooms.house")
    await startup_check.report_private_names(calls.LOOPBACK)
    if mode == "gone":
        with contextlib.suppress(TimeoutError):  # tasks of libraries that lack their own name
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
        os.write(out, (json.dumps(asdict(run_case(name, mode))) + "\n").encode())
        os._exit(0)
    return child


def _import_dependencies() -> None:
    """Import the server's dependencies once for all cases."""
    script = f"import sys, {', '.join(_OURS)}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    for module in modules.decode().split():
        if module.partition(".")[0] not in ("service", "asr", "policies", "tests", "__main__"):
            with contextlib.suppress(ImportError):
                import_module(module)


def _main() -> None:
    _import_dependencies()
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
