"""Publishers made of aiortc and httpx alone, so that a test controls each step of WHIP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from service.simulation.publisher import gathering
from tests.e2e.resources import metrics
from tests.server import Server

ORIGIN = "https://rooms.example"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"


@contextlib.asynccontextmanager
async def a_peer() -> AsyncIterator[RTCPeerConnection]:
    """Open a connection that offers one audio track on loopback in `localDescription`."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        connection.addTransceiver("audio", direction="sendonly")
        with gathering(loopback=True):
            await connection.setLocalDescription(await connection.createOffer())
        yield connection
    finally:
        await connection.close()


class Caller:
    """WHIP client that names its origin in every request, as a page in a browser does."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}", "Origin": ORIGIN}

    async def post(self, room: str, sdp: str, **headers: str) -> httpx.Response:
        sent = {**self._headers, "Content-Type": SDP, **_named(headers)}
        return await self._client.post(f"/whip/{room}", content=sdp, headers=sent)

    async def patch(self, session: str, fragment: str, **headers: str) -> httpx.Response:
        sent = {**self._headers, "Content-Type": FRAGMENT, **_named(headers)}
        return await self._client.patch(session, content=fragment, headers=sent)

    async def delete(self, session: str) -> httpx.Response:
        return await self._client.delete(session, headers=self._headers)


@contextlib.asynccontextmanager
async def calling(server: Server, token: str) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=10) as client:
        yield Caller(client, token)


async def connected(peer: RTCPeerConnection, answer: str) -> None:
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await until(lambda: peer.connectionState == "connected")


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it waits for aiortc and another process
            await asyncio.sleep(0.02)


def peers(server: Server) -> float:
    with server.client() as client:
        return metrics(client.get("/metrics").text)["earshot_peers"]


def _named(headers: dict[str, str]) -> dict[str, str]:
    """Return keyword arguments as header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
