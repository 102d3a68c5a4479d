"""Process of the publishers, apart from the process that is measured.

`python -m benchmarks.ingest.player` reads requests, one JSON object per line, and answers each with
its `id`. It ends when its input ends. Packets are encoded beforehand and sent straight through
aiortc's SRTP, without its sender's timers and queues, so a hundred speakers cost a fraction of a
core. aiortc does the rest: ICE, DTLS, RTCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import re
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from benchmarks.ingest.script import Cue, Script, from_json
from service.simulation.failed import SimulationFailed
from service.simulation.publisher import gathering

LINE_BYTES = 1 << 26
"""Longest line: a script with all its packets."""
_CONNECT_S = 30.0
_CLOSE_S = 5.0
_STEP_S = 0.002
"""Interval of sending: packets due within it leave together. Fewer wake-ups, and no longer bursts
than networks make."""
_VOICE = 0x80
_ONE_BYTE = 0xBEDE
"""The profile of RFC 8285's one-byte header extensions."""


_Turns = Iterator[tuple[float, int, int, int]]
"""Each packet's time after the start, sequence, timestamp and number of its cue."""


class _Quiet(MediaStreamTrack):
    """Track without sound: aiortc's own sender sends nothing."""

    kind = "audio"

    async def recv(self) -> Any:
        await asyncio.Event().wait()


class _Call:
    """One publisher's connection."""

    def __init__(self, script: Script, after_s: float) -> None:
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.script = script
        self.after_s = after_s
        self.playing = False
        self._connection = RTCPeerConnection(configuration)
        self._sender = self._connection.addTransceiver(_Quiet(), direction="sendonly").sender
        self._changed = asyncio.Event()
        self._connection.on("connectionstatechange", self._changed.set)
        self._bodies: list[bytes] = []
        self._type = 0
        self._ssrc = 0

    async def offer(self) -> str:
        with gathering(loopback=True):
            await self._connection.setLocalDescription(await self._connection.createOffer())
        sdp = str(self._connection.localDescription.sdp)
        self._ssrc = int(_found(r"^a=ssrc:(\d+) ", sdp))
        return sdp

    async def connect(self, answer: str) -> None:
        """Connect to the answer.

        Raises:
            TimeoutError, ConnectionError: No connection was made.
        """
        if not hasattr(self._sender.transport, "_send_rtp"):
            raise ConnectionError("this aiortc has no RTCDtlsTransport._send_rtp; install 1.16")
        self._type = int(_found(r"^a=rtpmap:(\d+) opus/", answer))
        level_id = int(
            _found(r"^a=extmap:(\d+) urn:ietf:params:rtp-hdrext:ssrc-audio-level", answer)
        )
        self._bodies = [_body(cue, level_id) for cue in self.script.cues]
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(_CONNECT_S):
            while self._connection.connectionState != "connected":
                if self._connection.connectionState in ("failed", "closed"):
                    raise ConnectionError("the connection failed")
                self._changed.clear()
                await self._changed.wait()

    def turns(self) -> _Turns:
        loop, turn = self.script.loop, 0
        while True:
            packets, samples, seconds = (
                (turn * loop.packets, turn * loop.samples, turn * loop.seconds)
                if loop
                else (0, 0, 0.0)
            )
            for number, cue in enumerate(self.script.cues):
                yield (
                    self.after_s + seconds + cue.at_s,
                    packets + cue.sequence,
                    samples + cue.timestamp,
                    number,
                )
            if loop is None:
                return
            turn += 1

    async def send(self, sequence: int, timestamp: int, number: int) -> None:
        header = struct.pack(
            "!BBHII", 0x90, self._type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc
        )
        with contextlib.suppress(ConnectionError):  # the other side has hung up
            await self._sender.transport._send_rtp(header + self._bodies[number])

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._connection.close()


class _Player:
    """Sender of the packets of all calls."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._calls: dict[int, _Call] = {}
        self._due: list[tuple[float, int, int, int, int, _Turns]] = []
        self._start_s: dict[int, float] = {}
        self._sent = 0
        self._late_s = 0.0

    async def act(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "load":
                self._scripts[request["name"]] = from_json(request["script"])
            case "offer":
                call = _Call(self._scripts[request["name"]], request["after_s"])
                self._calls[request["call"]] = call
                return {"sdp": await call.offer()}
            case "connect":
                await self._calls[request["call"]].connect(request["sdp"])
            case "play":
                self._play()
            case "count":
                counts = {"sent": self._sent, "late_s": self._late_s}
                self._late_s = 0.0
                return counts
        return {}

    def _play(self) -> None:
        """Start the calls that do not play yet."""
        start_s = time.monotonic() + 0.05
        for number, call in self._calls.items():
            if not call.playing:
                call.playing = True
                self._start_s[number] = start_s
                self._push(number, call.turns())

    def _push(self, number: int, turns: _Turns) -> None:
        following = next(turns, None)
        if following is not None:
            at_s, sequence, timestamp, body = following
            due_s = self._start_s[number] + at_s
            heapq.heappush(self._due, (due_s, number, sequence, timestamp, body, turns))

    async def run(self) -> None:
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                at_s, number, sequence, timestamp, body, turns = heapq.heappop(self._due)
                await self._calls[number].send(sequence, timestamp, body)
                self._sent += 1
                self._late_s = max(self._late_s, now - at_s)
                self._push(number, turns)
            await asyncio.sleep(_STEP_S)

    async def close(self) -> None:
        await asyncio.gather(*(call.close() for call in self._calls.values()))


def _found(pattern: str, sdp: str) -> str:
    found = re.search(pattern, sdp, re.MULTILINE)
    if found is None:
        raise ConnectionError(f"the session's description lacks {pattern!r}")
    return found[1]


def _body(cue: Cue, level_id: int) -> bytes:
    """Return a packet without its fixed header: the level (RFC 6464) and the sound."""
    return struct.pack("!HHBBxx", _ONE_BYTE, 1, level_id << 4, _VOICE | cue.level) + cue.payload


async def _main() -> None:
    requests = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    player = _Player()
    acting: set[asyncio.Task[None]] = set()
    playing = asyncio.create_task(player.run(), name="play")
    try:
        while line := await requests.readline():
            task = asyncio.create_task(_answer(player, json.loads(line)), name="request")
            acting.add(task)
            task.add_done_callback(acting.discard)
    finally:
        playing.cancel()
        for task in acting:
            task.cancel()
        await asyncio.wait([playing, *acting])
        await player.close()


async def _answer(player: _Player, request: dict[str, Any]) -> None:
    try:
        answer = await player.act(request)
    except (ConnectionError, TimeoutError, SimulationFailed) as error:
        answer = {"failed": str(error) or "the connection was not made in time"}
    sys.stdout.write(json.dumps({"id": request["id"], **answer}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
