"""Stock path: a track's sound by aiortc's public interface alone, as frames instead of packets.

Used where `contract.py` finds that packets cannot be taken. aiortc's jitter buffer loses words at a
few percent of packet loss and holds back the last words before a pause. Each frame is encoded
again, since all that follows needs Opus. It costs about four times the CPU and has no levels. A
line that a room server uses again for another speaker stays silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiortc import MediaStreamError

from service.listening.opus import BadPacket, OpusEncoder
from service.listening.packet import Packet

_CHANNELS = 2
_BYTES = 2


async def reencode_track(track: Any, on_packet: Callable[[Packet], None]) -> None:
    """Encode a track's frames as packets until the track ends."""
    loop = asyncio.get_running_loop()
    encoder = OpusEncoder(channels=_CHANNELS)
    sequence = 0
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        sequence += 1
        try:
            payload = encoder.encode(bytes(frame.planes[0])[: frame.samples * _CHANNELS * _BYTES])
        except BadPacket:  # a frame of an odd length, which counts as lost
            continue
        on_packet(
            Packet(
                sequence=sequence % (1 << 16),
                timestamp=int(frame.pts) % (1 << 32),
                level=None,
                payload=payload,
                arrived_s=loop.time(),
            )
        )
