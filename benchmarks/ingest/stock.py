"""aiortc as its documentation shows it: `recv()`, PyAV's resampler, webrtcvad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import av
import webrtcvad
from aiortc import (
    MediaStreamError,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from asr.speech import SAMPLE_RATE
from benchmarks.ingest.receiver import LOOPBACK
from service.rooms.peer.addresses import gathering_on
from service.rooms.peer.replacements import apply_replacements

_FRAME_BYTES = SAMPLE_RATE // 50 * 2
_RATIO = 3
"""RTP clock rate divided by `SAMPLE_RATE`."""
_LONGEST_FILL = 2 * SAMPLE_RATE

Sink = Callable[[bytes], None]
"""Receiver of a track's samples: int16, mono, 16 kHz."""


class Stock:
    """Receiver with plain aiortc. Made by `stock`."""

    def __init__(self, make_sink: Callable[[str], Sink]) -> None:
        self._make_sink = make_sink
        self._connections: list[RTCPeerConnection] = []
        self._reading: list[asyncio.Task[None]] = []
        self._samples = 0
        self.heard: dict[str, set[int]] = {}
        """Timestamps (48 kHz, from 0) of the packets that `recv()` returned, by speaker."""

    async def answer(self, speaker: str, offer: str) -> str:
        apply_replacements()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connections.append(connection)

        def begin(track: Any) -> None:
            reading = self._read(
                track, self._make_sink(speaker), self.heard.setdefault(speaker, set())
            )
            self._reading.append(asyncio.create_task(reading, name=f"read {speaker}"))

        connection.on("track", begin)
        with gathering_on(LOOPBACK):
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        return str(connection.localDescription.sdp)

    def heard_s(self) -> float:
        return self._samples / SAMPLE_RATE

    def lost(self) -> int:
        return 0

    async def close(self) -> None:
        for reading in self._reading:
            reading.cancel()
        if self._reading:
            await asyncio.wait(self._reading)
        await asyncio.gather(*(connection.close() for connection in self._connections))

    async def _read(self, track: Any, push: Sink, heard: set[int]) -> None:
        """Read the track to its end.

        `recv()` skips missing packets; their time is filled with silence here, as a careful user of
        aiortc would do.
        """
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        due: int | None = None
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            at = int(frame.pts)
            heard.add(at)
            if due is not None and at > due:
                push(bytes(2 * min(_LONGEST_FILL, (at - due) // _RATIO)))
            due = at + frame.samples
            for made in resampler.resample(frame):
                pcm = made.to_ndarray().tobytes()
                self._samples += len(pcm) // 2
                push(pcm)


@asynccontextmanager
async def stock(make_sink: Callable[[str], Sink]) -> AsyncIterator[Stock]:
    side = Stock(make_sink)
    try:
        yield side
    finally:
        await side.close()


def detect_speech(speaker: str) -> Sink:
    """Return a sink that runs webrtcvad on every frame and drops the result."""
    detector = webrtcvad.Vad(3)
    rest = b""

    def push(pcm: bytes) -> None:
        nonlocal rest
        rest += pcm
        while len(rest) >= _FRAME_BYTES:
            detector.is_speech(rest[:_FRAME_BYTES], SAMPLE_RATE)
            rest = rest[_FRAME_BYTES:]

    return push
