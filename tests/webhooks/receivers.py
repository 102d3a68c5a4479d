"""Real receivers on loopback: every bad kind and a good one."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass(frozen=True)
class Call:
    """Received request."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[["Receiver", Call, Writer], Awaitable[None]]


@dataclass
class Receiver:
    behave: Behaviour
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    """Bytes of answers that the client has read."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int, timeout: float = 10) -> list[Call]:
        """Wait for `count` calls. Returns: all of them."""
        async with asyncio.timeout(timeout):
            while len(self.calls) < count:
                self.news.clear()
                await self.news.wait()
        return self.calls

    async def until_different(self, count: int, timeout: float = 60) -> None:
        """Wait until `count` different messages have arrived."""
        async with asyncio.timeout(timeout):
            while len({call.id for call in self.calls}) < count:
                self.news.clear()
                await self.news.wait()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while call := await _read(reader):
                self.calls.append(call)
                self.news.set()
                await self.behave(self, call, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


async def _read(reader: Reader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    raw = {name: line.split(": ", 1)[1] for name, line in zip(headers, head[1:], strict=False)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(head[0].split()[1], raw, body, asyncio.get_running_loop().time())


def answers(status: int, text: str = "", *, after_s: float = 0, **headers: str) -> Behaviour:
    """Make a receiver with this answer. In header names, write `_` for `-`."""

    async def behave(receiver: Receiver, call: Call, writer: Writer) -> None:
        await asyncio.sleep(after_s)
        said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        body = text.encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\n{said}content-length: {len(body)}\r\n\r\n".encode() + body
        )
        await writer.drain()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Make a receiver with these answers in turn; it repeats the last one."""

    async def behave(receiver: Receiver, call: Call, writer: Writer) -> None:
        number = min(len(receiver.calls), len(behaviours)) - 1
        await behaviours[number](receiver, call, writer)

    return behave


async def closes(receiver: Receiver, call: Call, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def says_nothing(receiver: Receiver, call: Call, writer: Writer) -> None:
    await asyncio.sleep(3600)


async def talks_rubbish(receiver: Receiver, call: Call, writer: Writer) -> None:
    writer.write(b"\x00\x01 not HTTP\r\n\r\n")
    await writer.drain()
    writer.close()


async def never_ends(receiver: Receiver, call: Call, writer: Writer) -> None:
    """Answer with ten gigabytes."""
    size = 10 * 1000**3
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode())
    while receiver.sent < size:
        writer.write(b"x" * 65_536)
        await writer.drain()
        receiver.sent += 65_536


@asynccontextmanager
async def receiver(
    behave: Behaviour, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    found = Receiver(behave)
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: Reader, writer: Writer) -> None:
        task = asyncio.ensure_future(found.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    found.url = f"http{'s' if tls else ''}://127.0.0.1:{port}/hook"
    try:
        yield found
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
