"""What comes on many sockets is read together, each in its turn, and is lost by nobody's fault."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.rooms.peer.link import Link
from service.rooms.peer.poller import _AT_ONCE, Poller, log, poller
from tests.rooms.calls import calling, until

pytestmark = pytest.mark.anyio


class Heard(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.raises: BaseException | None = None
        """What it makes of the next one."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (failure := self.raises) is not None:
            self.raises = None
            raise failure
        self.data.append(data)


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
            one.heard.raises = ValueError("not taken")
            one.send(b"sound")
            one.send(b"more")
            other.send(b"sound")
            await until(lambda: bool(one.heard.data and other.heard.data))
    assert one.heard.data == [b"more"]
    assert [line["event"] for line in told] == ["peer.datagram_failed"]


async def test_nothing_ends_the_reading_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what cannot be logged."""
    monkeypatch.setattr(log, "exception", _full, raising=False)
    raised: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
    reading = Poller()
    try:
        async with line() as one, line() as other:
            reading.take(one.transport)
            for failure in (ValueError("not taken"), asyncio.CancelledError()):
                one.heard.raises = failure
                one.send(b"sound")
                await until(lambda: one.heard.raises is None)
            reading.take(other.transport)
            other.send(b"sound")
            await until(lambda: other.heard.data == [b"sound"])
    finally:
        loop.set_exception_handler(None)
    assert [type(error) for error in raised] == [OSError, asyncio.CancelledError]


def _full(event: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


async def test_without_a_descriptor_to_spare_asyncio_goes_on_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> select.epoll:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(select, "epoll", none)
    reading = Poller()
    async with line() as one:
        assert not reading.take(one.transport)
        one.send(b"sound")
        await until(lambda: one.heard.data == [b"sound"])


async def test_what_closed_by_itself_is_forgotten_with_the_next_that_comes() -> None:
    reading = Poller()
    async with line() as one, line() as other:
        reading.take(one.transport)
        one.transport.abort()
        reading.take(other.transport)
        assert list(reading._read.values()) == [other.transport]


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


async def test_where_aioice_is_not_as_we_know_it_nothing_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, other = Link(), SimpleNamespace(transport=SimpleNamespace(transport=None))
    monkeypatch.setattr(
        link.connection, "getTransceivers", lambda: [SimpleNamespace(receiver=other)]
    )
    link._poll()
    assert link._polled == []
    await link.connection.close()


async def test_a_call_is_read_this_way_and_let_go_of() -> None:
    async with calling() as call:
        await until(lambda: call.peer._link.connected)
        assert len(poller()._read) == 1
    await until(lambda: poller()._next is None)
