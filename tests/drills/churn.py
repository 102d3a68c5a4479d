"""Publishers that join and leave a server, in every way there is to leave."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.e2e.credentials import open_room, publish_token
from tests.e2e.peers import Caller, calling
from tests.rooms.calls import offered, publisher, until
from tests.server import Server

ROOM = "churn"
AT_ONCE = 4
_TALK_S = 0.2


class Churn:
    """Cycles of joining, speaking and leaving.

    Attributes:
        done: Number of finished cycles.
        refused: Statuses of the refusals.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.done = 0
        self.refused: list[int] = []
        open_room(server, ROOM)

    async def run(self, cycles: int) -> None:
        await self._run(iter(range(cycles)))

    async def run_for(self, seconds: float) -> None:
        until_s = asyncio.get_running_loop().time() + seconds
        loop = asyncio.get_running_loop()
        await self._run(itertools.takewhile(lambda n: loop.time() < until_s, itertools.count()))

    async def _run(self, numbers: Iterator[int]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for place in range(AT_ONCE):
                tasks.create_task(self._one_after_another(f"speaker-{place}", numbers))

    async def _one_after_another(self, speaker: str, numbers: Iterator[int]) -> None:
        token = publish_token(self._server, ROOM, speaker, life_s=6 * 3600)
        async with calling(self._server, token) as caller:
            for number in numbers:
                await self._cycle(caller, number)
                self.done += 1

    async def _cycle(self, caller: Caller, number: int) -> None:
        connection, _ = publisher(0.02)
        session: str | None = None
        try:
            answer = await self._join(caller, await offered(connection))
            if answer is None:
                return
            session = answer.headers["location"]
            if number % 5 == 4:  # offers, but never connects
                return
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            await until(lambda: connection.connectionState == "connected")
            await asyncio.sleep(_TALK_S)
            match number % 20:
                case 1 | 6 | 11 | 16:
                    session = None
                    await connection.close()
                case 2:
                    session = None
                    _cut(connection)
        finally:
            if session is not None:
                await caller.delete(session)
            await connection.close()

    async def _join(self, caller: Caller, offer: str) -> httpx.Response | None:
        """Join; try again while the server has not noticed the speaker's last departure."""
        for _ in range(150):
            answer = await caller.post(ROOM, offer)
            if answer.status_code == 201:
                return answer
            assert answer.status_code == 409, answer.text
            await asyncio.sleep(0.1)
        self.refused.append(answer.status_code)
        return None


def _cut(connection: RTCPeerConnection) -> None:
    """Close the sockets without a farewell."""
    (transceiver,) = connection.getTransceivers()
    ice: Any = transceiver.sender.transport.transport
    for protocol in ice._connection._protocols:
        protocol.transport.abort()


def resident_mb(server: Server) -> float:
    assert server.process is not None
    return float(psutil.Process(server.process.pid).memory_info().rss / 1e6)
