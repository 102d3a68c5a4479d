"""A speaker who publishes by WHIP and says a clip when a test asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection

from service.simulation.publisher import gathering
from service.simulation.voice import FRAME, VoicePacket, av_packet
from tests.e2e.credentials import publish_token
from tests.e2e.peers import calling, connected
from tests.listening.sound import clip_48k, encode
from tests.server import Server

_FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Said:
    """Times at which the first and the last packet of a clip were sent."""

    started: datetime
    ended: datetime


@cache
def _silence() -> bytes:
    return encode(np.zeros(FRAME * 4, np.int16))[-1].payload


class Voice(MediaStreamTrack):
    """Track with silence, in which `say` puts clips."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._payloads: list[bytes] = []
        self._sent = 0
        self._started_s = time.monotonic()
        self._silent = asyncio.Event()

    async def say(self, clip: str) -> Said:
        """Say a clip of the demo; return when its last packet has been sent."""
        packets = [packet.payload for packet in encode(clip_48k(f"{clip}.opus"))]
        self._silent.clear()
        self._payloads += packets
        started = datetime.now(UTC)
        await self._silent.wait()
        return Said(started, datetime.now(UTC))

    async def recv(self) -> Any:
        due_s = self._started_s + _FRAME_S * self._sent
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        payload = self._payloads.pop(0) if self._payloads else _silence()
        if not self._payloads:
            self._silent.set()
        packet = VoicePacket(FRAME * self._sent, payload)
        self._sent += 1
        return av_packet(packet)


@contextlib.asynccontextmanager
async def publishing(server: Server, room: str, speaker: str) -> AsyncIterator[Voice]:
    """Publish a voice into the room by WHIP."""
    token = await asyncio.to_thread(publish_token, server, room, speaker)
    connection, voice = RTCPeerConnection(RTCConfiguration(iceServers=[])), Voice()
    try:
        connection.addTransceiver(voice, direction="sendonly")
        with gathering(loopback=True):
            await connection.setLocalDescription(await connection.createOffer())
        async with calling(server, token) as caller:
            answer = await caller.post(room, connection.localDescription.sdp)
            assert answer.status_code == 201, answer.text
            await connected(connection, answer.text)
            yield voice
    finally:
        await connection.close()
