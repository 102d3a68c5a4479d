"""Control of the publishers' process from the process that is measured."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.ingest.player import LINE_BYTES
from benchmarks.ingest.script import Script, to_json
from service.errors import Failed

_AT_ONCE = 6
"""Publishers that connect at the same time."""
_END_S = 15.0


@dataclass(frozen=True, slots=True)
class Sent:
    """Packets that the publishers have sent.

    Attributes:
        packets: Packets of all publishers since the start.
        late_s: Greatest delay of a packet since the last query. More than a few hundredths of a
            second mean that the publishers cannot keep up.
    """

    packets: int
    late_s: float


class FarEnd:
    """Publishers in another process. Made by `far_end`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count()
        self._calls = itertools.count()
        self._connecting = asyncio.Semaphore(_AT_ONCE)
        self._over = False

    async def load_script(self, name: str, script: Script) -> None:
        await self._ask(do="load", name=name, script=to_json(script))

    async def call(
        self, name: str, after_s: float, answer: Callable[[str], Awaitable[str]]
    ) -> None:
        """Connect a publisher of the script.

        Args:
            after_s: Delay of its start after the others.
            answer: Returns the SDP answer to an offer.

        Raises:
            Failed: No connection was made.
        """
        async with self._connecting:
            number = next(self._calls)
            offered = await self._ask(do="offer", call=number, name=name, after_s=after_s)
            await self._ask(do="connect", call=number, sdp=await answer(offered["sdp"]))

    async def play(self) -> None:
        """Start the scripts of the publishers connected since the last call."""
        await self._ask(do="play")

    async def sent(self) -> Sent:
        """Return the count and the delay of the packets so far."""
        counts = await self._ask(do="count")
        return Sent(counts["sent"], counts["late_s"])

    def kill(self) -> None:
        """End the process at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def read_answers(self) -> None:
        """Read the answers until the process ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
        self._over = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_gone())

    async def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        if self._over:
            raise _gone()
        number = next(self._ids)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        try:
            self._process.stdin.write(json.dumps({"id": number, **request}).encode() + b"\n")
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise _gone() from error
        answer = await answered
        if "failed" in answer:
            raise Failed(f"a publisher could not be connected: {answer['failed']}")
        return answer


def _gone() -> Failed:
    return Failed("the publishers' process has ended; its messages are above")


@asynccontextmanager
async def far_end() -> AsyncIterator[FarEnd]:
    """Start the publishers' process; disconnect all publishers at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.ingest.player",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    end = FarEnd(process)
    reading = asyncio.create_task(end.read_answers(), name="far end")
    try:
        yield end
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
        if process.returncode is None:
            end.kill()
            await process.wait()
        reading.cancel()
        await asyncio.wait([reading])
