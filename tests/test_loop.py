"""Datagrams gather; nothing else waits for them."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.loop import GatheringSelector, event_loop

FOR_EVER_S = 3_600.0


@pytest.fixture
def selector() -> Iterator[GatheringSelector]:
    """One whose datagrams would wait for an hour."""
    with GatheringSelector(FOR_EVER_S) as selector:
        selector.select(0)  # it has just woken up
        yield selector


@pytest.fixture
def datagrams() -> Iterator[tuple[socket.socket, socket.socket]]:
    """From the first to the second."""
    with ExitStack() as sockets:
        one, other = (
            sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(2)
        )
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        yield one, other


@pytest.fixture
def stream() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def found(selector: GatheringSelector, timeout: float | None) -> set[object]:
    return {key.fileobj for key, _ in selector.select(timeout)}


def test_a_datagram_is_told_of_when_the_next_timer_is_due(
    selector: GatheringSelector, datagrams: tuple[socket.socket, socket.socket]
) -> None:
    one, other = datagrams
    selector.register(other, selectors.EVENT_READ)
    one.send(b"sound")
    assert found(selector, 0.01) == {other}
    one.send(b"more")
    assert found(selector, 0) == {other}


def test_what_is_no_datagram_is_told_of_at_once_and_what_waits_with_it(
    selector: GatheringSelector,
    datagrams: tuple[socket.socket, socket.socket],
    stream: tuple[socket.socket, socket.socket],
) -> None:
    selector.register(datagrams[1], selectors.EVENT_READ)
    selector.register(stream[1], selectors.EVENT_READ)
    datagrams[0].send(b"sound")
    later = threading.Timer(0.05, stream[0].send, [b"request"])
    later.start()
    assert found(selector, None) == {datagrams[1], stream[1]}
    later.join()


def test_without_a_wait_they_are_told_of_one_by_one(
    datagrams: tuple[socket.socket, socket.socket],
) -> None:
    one, other = datagrams
    with GatheringSelector(0) as selector:
        selector.register(other, selectors.EVENT_READ)
        one.send(b"sound")
        assert found(selector, None) == {other}


def test_what_is_watched_can_be_changed_and_given_up(
    selector: GatheringSelector, stream: tuple[socket.socket, socket.socket]
) -> None:
    one, other = stream
    selector.register(other, selectors.EVENT_READ)
    selector.modify(other, selectors.EVENT_WRITE)
    assert found(selector, None) == {other}
    selector.unregister(other)
    one.send(b"nobody reads this")
    assert found(selector, 0.01) == set()


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


class _Heard(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data = asyncio.Queue[bytes]()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.data.put_nowait(data)


async def _talk() -> list[bytes]:
    """Datagrams to and fro, while a thread, a timer and a stream are waited for."""
    loop = asyncio.get_running_loop()
    echo, _ = await loop.create_datagram_endpoint(_Echo, local_addr=("127.0.0.1", 0))
    address = echo.get_extra_info("sockname")
    mine, heard = await loop.create_datagram_endpoint(_Heard, remote_addr=address)
    answers = []
    for number in range(20):
        mine.sendto(bytes([number]))
        assert await asyncio.to_thread(sum, [number, 1]) == number + 1
        await asyncio.sleep(0.001)
        answers.append(await heard.data.get())
    server = await asyncio.start_server(_upper, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"request\n")
        answers.append(await reader.readline())
        writer.close()
        await writer.wait_closed()
    mine.close()
    echo.close()
    await asyncio.sleep(0)
    return answers


async def _upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


def test_the_servers_loop_serves_datagrams_threads_timers_and_streams() -> None:
    with asyncio.Runner(loop_factory=event_loop) as runner:
        answers = runner.run(_talk())
    assert answers == [*(bytes([number]) for number in range(20)), b"REQUEST\n"]
