"""`python -m tests.e2e.publisher_aiortc ENDPOINT TOKEN`: publishes by WHIP until it is killed."""

from __future__ import annotations

import asyncio
import sys

import httpx
from aiortc import RTCSessionDescription

from tests.rooms.calls import offered, publisher, until

SDP = "application/sdp"


async def publish(endpoint: str, token: str) -> None:
    connection, _ = publisher()
    headers = {"Content-Type": SDP, "Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.post(endpoint, content=await offered(connection), headers=headers)
    assert answer.status_code == 201, answer.text
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    await until(lambda: connection.connectionState == "connected")
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(publish(*sys.argv[1:]))
