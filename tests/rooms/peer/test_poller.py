"""What comes on many sockets is read together, each in its turn, and is lost by nobody's fault."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.rooms.peer.poller import _AT_ONCE, Poller, poller
from tests.rooms.calls import calling, until

pytestmark = pytest.mark.anyio


class Heard(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.errors: list[Exception] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data == b"bad":
            raise ValueError("not taken")
        self.data.append(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)


class Line:
    """A socket that is read, and one that sends to it."""

    def __init__(self, transport: Any, heard: Heard, sender: socket.socket) -> None:
        self.transport = transport
        self.heard = heard
        self.send = sender.send


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(transport.get_extra_info("sockname"))
        try:
            yield Line(transport, heard, sender)
        finally:
            transport.close()


async def test_what_came_is_read_in_order_with_what_came_for_others() -> None:
    reading = Poller()
    async with line() as one, line() as other:
        assert reading.take(one.transport)
        assert reading.take(other.transport)
        for number in range(3 * _AT_ONCE):
            one.send(b"one %d" % number)
            other.send(b"other %d" % number)
        await until(lambda: len(other.heard.data) == 3 * _AT_ONCE)
        await until(lambda: len(one.heard.data) == 3 * _AT_ONCE)
        assert one.heard.data == [b"one %d" % number for number in range(3 * _AT_ONCE)]


async def test_whoever_sends_much_keeps_nobody_waiting() -> None:
    reading = Poller()
    async with line() as flooded, line() as other:
        reading.take(flooded.transport)
        reading.take(other.transport)
        for _ in range(100):
            flooded.send(b"noise")
        other.send(b"sound")
        turns = asyncio.get_running_loop().create_task(_turns_until(lambda: other.heard.data))
        assert await turns
        assert len(flooded.heard.data) < 100


async def _turns_until(done: Any) -> bool:
    for _ in range(10_000):
        if done():
            return True
        await asyncio.sleep(0)
    return False


async def test_what_one_protocol_raises_is_told_and_harms_no_other() -> None:
    reading = Poller()
    async with line() as one, line() as other:
        with capture_logs() as told:
            reading.take(one.transport)
            reading.take(other.transport)
            one.send(b"bad")
            one.send(b"good")
            other.send(b"good")
            await until(lambda: bool(one.heard.data and other.heard.data))
    assert [line["event"] for line in told] == ["peer.datagram_failed"]


async def test_a_line_that_was_released_or_closed_is_read_no_more() -> None:
    reading = Poller()
    async with line() as one, line() as other, line() as third:
        for each in (one, other, third):
            reading.take(each.transport)
        reading.release(one.transport)
        other.transport.close()
        one.send(b"late")
        third.send(b"sound")
        await until(lambda: bool(third.heard.data))
        assert one.heard.data == []
        reading.release(other.transport)
        reading.release(one.transport)
        reading.release(third.transport)
    await until(lambda: reading._epoll is None)
    assert reading._next is None


async def test_a_descriptor_that_is_used_anew_belongs_to_the_new_line() -> None:
    """The first has been closed, and nobody has said so yet."""
    reading = Poller()
    async with line() as first:
        reading.take(first.transport)
        number = first.transport.get_extra_info("socket").fileno()
        first.transport.close()
        await asyncio.sleep(0.01)
        async with line() as second:
            assert second.transport.get_extra_info("socket").fileno() == number
            reading.take(second.transport)
            reading.release(first.transport)
            second.send(b"sound")
            await until(lambda: second.heard.data == [b"sound"])
            reading.release(second.transport)


async def test_where_asyncio_is_not_as_we_know_it_it_goes_on_reading() -> None:
    reading = Poller()
    async with line() as one:
        one.transport._sock, kept = None, one.transport._sock
        assert not reading.take(one.transport)
        one.transport._sock = kept
        one.send(b"sound")
        await until(lambda: one.heard.data == [b"sound"])


async def test_a_call_is_read_this_way_and_let_go_of() -> None:
    async with calling() as call:
        await until(lambda: call.peer._link.connected)
        assert len(poller()._read) == 1
    await until(lambda: poller()._next is None)
