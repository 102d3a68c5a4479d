"""The way to a speaker's sound by aiortc's public interface alone: frames, not packets.

For where `contract.py` finds that packets cannot be taken. Its jitter buffer loses words at a few
percent of loss and holds back the last ones before a pause; and each frame is encoded again, since
all that follows takes Opus. It costs about four times the CPU, and tells no levels. A line of a
room server that is used for somebody else stays silent.
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


async def read(track: Any, on_packet: Callable[[Packet], None]) -> None:
    """Hand a track's sound out as packets until it ends."""
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
        except BadPacket:  # of an odd length: a loss
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
