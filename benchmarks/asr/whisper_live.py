"""WhisperLive, which the user installs, with the same live speakers.

Its server runs as a process from its own environment, with one shared model, without a voice
detector (which it would download) and with room for every client. This process is a client of its
protocol. A sentence counts as heard once its words are anywhere in the transcript of its time, also
in an interim one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from asr.speech import SAMPLE_RATE
from benchmarks.asr.live import Client, Crowd, CrowdResult, clients
from benchmarks.processor import cpu_s
from service.errors import Failed
from service.simulation.word_errors import words

_SERVE = (
    "import sys; from whisper_live.server import TranscriptionServer; "
    "TranscriptionServer().run('127.0.0.1', port=int(sys.argv[1]), backend='faster_whisper', "
    "faster_whisper_custom_model_path=sys.argv[2], single_model=True, max_clients=int(sys.argv[3]))"
)
_NULL = asyncio.subprocess.DEVNULL
_CHUNK = SAMPLE_RATE // 10
_START_S = 60.0
_DRAIN_S = 6.0
_SLACK_S = 0.5
_GONE_S = 5.0


def whisper_live(environment: Path, model: Path) -> Crowd:
    """Return a WhisperLive server, run from this virtual environment."""

    async def crowd(count: int, *, seconds: float) -> CrowdResult:
        return await _listen(environment, model, count, seconds)

    return crowd


async def _listen(environment: Path, model: Path, count: int, seconds: float) -> CrowdResult:
    speakers = clients(count, seconds)
    async with _server(environment, model, count) as (url, pid):
        try:
            connected = [await _greeted(url, client.name) for client in speakers]
        except (OSError, TimeoutError, WebSocketException) as error:
            raise Failed(f"WhisperLive takes no clients: {error!r}") from error
        began, spent = time.monotonic(), cpu_s(pid)
        async with asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(_read(socket_, client, began), name="bench reader")
                for socket_, client in zip(connected, speakers, strict=True)
            ]
            await _speak(connected, speakers, began)
            cores = (cpu_s(pid) - spent) / (time.monotonic() - began)
            await asyncio.wait(readers, timeout=_DRAIN_S)
            for socket_ in connected:
                await socket_.close()
    waits = sorted(wait for client in speakers for wait, _ in client.heard.values())
    sentences = sum(len(client.spoken) for client in speakers)
    return CrowdResult(count, waits, sentences, len(waits), cores)


@contextlib.asynccontextmanager
async def _server(environment: Path, model: Path, count: int) -> AsyncIterator[tuple[str, int]]:
    python = environment / "bin" / "python"
    if not python.is_file():
        raise Failed(f"{environment} has no bin/python; give a virtual environment")
    port = _free_port()
    command = [str(python), "-c", _SERVE, str(port), str(model), str(count)]
    process = await asyncio.create_subprocess_exec(*command, stdout=_NULL, stderr=_NULL)
    try:
        await _listening(process, port)
        yield f"ws://127.0.0.1:{port}", process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GONE_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.2)
    raise Failed(
        "WhisperLive's server does not start; does `bin/python -m whisper_live.server` of its "
        "environment work? It needs `pip install whisper-live` (Debian: portaudio19-dev)"
    )


async def _greeted(url: str, name: str) -> ClientConnection:
    socket_ = await connect(url, max_size=None, ping_interval=None)
    hello = {"uid": name, "language": "en", "task": "transcribe", "model": "x", "use_vad": False}
    await socket_.send(json.dumps(hello))
    said = json.loads(await asyncio.wait_for(socket_.recv(), _START_S))
    if said.get("message") != "SERVER_READY":
        raise Failed(f"WhisperLive refused a client: {said.get('message')} {said.get('status')}")
    return socket_


async def _speak(
    connected: Sequence[ClientConnection], speakers: Sequence[Client], began: float
) -> None:
    longest = max(len(client.sound) for client in speakers)
    for at in range(0, longest, _CHUNK):
        due = began + (at + _CHUNK) / SAMPLE_RATE
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        for socket_, client in zip(connected, speakers, strict=True):
            chunk = client.sound[at : at + _CHUNK].astype(np.float32) / 32768.0
            if len(chunk):
                with contextlib.suppress(ConnectionClosed):
                    await socket_.send(chunk.tobytes())


async def _read(socket_: ClientConnection, client: Client, began: float) -> None:
    """Read until every sentence is heard, or the connection is closed."""
    with contextlib.suppress(ConnectionClosed):
        while len(client.heard) < len(client.spoken):
            said = json.loads(await socket_.recv())
            note_segments(client, said.get("segments") or [], time.monotonic() - began)


def note_segments(client: Client, segments: Sequence[Mapping[str, Any]], at_s: float) -> None:
    """Mark the sentences whose words are in the segments of their time, `at_s` into the track."""
    for number, sentence in enumerate(client.spoken):
        start_s, end_s = sentence.start / SAMPLE_RATE, sentence.end / SAMPLE_RATE
        if number in client.heard or at_s < start_s:
            continue
        near = [one for one in segments if float(one["end"]) >= start_s - _SLACK_S]
        text = words(" ".join(str(one["text"]) for one in near))
        if _within(words(sentence.text), text):
            client.heard[number] = (max(0.0, at_s - end_s), sentence.text)


def _within(said: Sequence[str], heard: Sequence[str]) -> bool:
    count = len(said)
    return any(heard[at : at + count] == said for at in range(len(heard) - count + 1))
