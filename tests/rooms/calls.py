"""Calls between an aiortc publisher and our peer, over loopback, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from service.listening.packet import Packet
from service.rooms.peer.incoming import Peer
from service.rooms.peer.intake import Unfit
from service.simulation.publisher import gathering
from service.simulation.voice import VoicePacket, av_packet
from tests.listening.sound import clip_48k, encode

CORPUS = Path(__file__).parent / "corpus"
LOOPBACK = ["127.0.0.1"]
SOON_S = 30.0
"""Longest wait for an immediate result, on a busy machine too."""


def corpus(name: str) -> str:
    """Return a recorded SDP offer."""
    return (CORPUS / name).read_bytes().decode()


@cache
def voice() -> Sequence[VoicePacket]:
    return encode(clip_48k("trudy-insult.opus"))


class _Track(MediaStreamTrack):
    """A track that repeats the clip, a packet every 5 ms: four times the pace of speech.

    Args:
        pace_s: Time between packets; 0.02 is the pace of speech.
    """

    kind = "audio"

    def __init__(self, pace_s: float = 0.005) -> None:
        super().__init__()
        self._pace_s = pace_s
        self._sent = 0
        self._started_s = time.monotonic()

    async def recv(self) -> Any:
        packet = VoicePacket(960 * self._sent, voice()[self._sent % len(voice())].payload)
        self._sent += 1
        await asyncio.sleep(
            max(0.0, self._started_s + self._pace_s * self._sent - time.monotonic())
        )
        return av_packet(packet)


@dataclass
class Call:
    publisher: RTCPeerConnection
    sender: RTCRtpSender
    peer: Peer
    packets: list[Packet]
    ended: list[str] = field(default_factory=list)
    unfit: list[Unfit] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def publisher(pace_s: float = 0.005) -> tuple[RTCPeerConnection, RTCRtpSender]:
    """Return a connection that offers an audio track, and its sender."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    return connection, connection.addTransceiver(_Track(pace_s), direction="sendonly").sender


async def offered(connection: RTCPeerConnection) -> str:
    with gathering(loopback=True):
        await connection.setLocalDescription(await connection.createOffer())
    return str(connection.localDescription.sdp)


@contextlib.asynccontextmanager
async def calling(*, pace_s: float = 0.005) -> AsyncIterator[Call]:
    """Yield a call whose packets arrive."""
    connection, sender = publisher(pace_s)
    call: Call | None = None
    packets: list[Packet] = []
    ended: list[str] = []
    unfit: list[Unfit] = []
    troubles: list[str] = []
    try:
        offer = await offered(connection)
        peer = await Peer.answer(
            offer,
            on_packet=packets.append,
            on_ended=ended.append,
            on_trouble=troubles.append,
            on_unfit=unfit.append,
            addresses=LOOPBACK,
        )
        call = Call(connection, sender, peer, packets, ended, unfit, troubles)
        await connection.setRemoteDescription(RTCSessionDescription(peer.sdp, "answer"))
        await until(lambda: len(packets) > 3)
        yield call
    finally:
        await connection.close()
        if call is not None:
            await call.peer.close()


async def until(holds: Callable[[], bool], seconds: float = SOON_S) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the packets of a foreign stack set no event
            await asyncio.sleep(0.02)
