"""Tests of the poller: many sockets are read together, in turn, and do not harm each other."""

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
from service.rooms.peer.poller import _AT_ONCE, Poller, get_poller, log
from tests.rooms.calls import calling, until

pytestmark = pytest.mark.anyio


class Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.raises: BaseException | None = None
        """Error that the next datagram raises."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (failure := self.raises) is not None:
            self.raises = None
            raise failure
        self.data.append(data)


class Line:
    """A socket that the poller reads, and a socket that sends to it."""

    def __init__(self, transport: Any, receiver: Receiver, sender: socket.socket) -> None:
        self.transport = transport
        self.receiver = receiver
        self.send = sender.send


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    loop = asyncio.get_running_loop()
    transport, receiver = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(transport.get_extra_info("sockname"))
        try:
            yield Line(transport, receiver, sender)
        finally:
            transport.close()


async def test_datagrams_of_several_sockets_are_read_in_order() -> None:
    poller = Poller()
    async with line() as one, line() as other:
        assert poller.add_transport(one.transport)
        assert poller.add_transport(other.transport)
        for number in range(3 * _AT_ONCE):
            one.send(b"one %d" % number)
            other.send(b"other %d" % number)
        await until(lambda: len(other.receiver.data) == 3 * _AT_ONCE)
        await until(lambda: len(one.receiver.data) == 3 * _AT_ONCE)
        assert one.receiver.data == [b"one %d" % number for number in range(3 * _AT_ONCE)]


async def test_a_flood_on_one_socket_does_not_delay_another() -> None:
    poller = Poller()
    async with line() as flooded, line() as other:
        poller.add_transport(flooded.transport)
        poller.add_transport(other.transport)
        for _ in range(100):
            flooded.send(b"noise")
        other.send(b"sound")
        turns = asyncio.get_running_loop().create_task(_turns_until(lambda: other.receiver.data))
        assert await turns
        assert len(flooded.receiver.data) < 100


async def _turns_until(done: Any) -> bool:
    for _ in range(10_000):
        if done():
            return True
        await asyncio.sleep(0)
    return False


async def test_an_error_of_one_protocol_is_logged_and_harms_no_other() -> None:
    poller = Poller()
    async with line() as one, line() as other:
        with capture_logs() as logged:
            poller.add_transport(one.transport)
            poller.add_transport(other.transport)
            one.receiver.raises = ValueError("not taken")
            one.send(b"sound")
            one.send(b"more")
            other.send(b"sound")
            await until(lambda: bool(one.receiver.data and other.receiver.data))
    assert one.receiver.data == [b"more"]
    assert [line["event"] for line in logged] == ["peer.datagram_failed"]


async def test_no_error_stops_the_reading_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even an error that cannot be logged."""
    monkeypatch.setattr(log, "exception", _full, raising=False)
    raised: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))
    poller = Poller()
    try:
        async with line() as one, line() as other:
            poller.add_transport(one.transport)
            for failure in (ValueError("not taken"), asyncio.CancelledError()):
                one.receiver.raises = failure
                one.send(b"sound")
                await until(lambda: one.receiver.raises is None)
            poller.add_transport(other.transport)
            other.send(b"sound")
            await until(lambda: other.receiver.data == [b"sound"])
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
    poller = Poller()
    async with line() as one:
        assert not poller.add_transport(one.transport)
        one.send(b"sound")
        await until(lambda: one.receiver.data == [b"sound"])


async def test_a_transport_that_closed_by_itself_is_forgotten_when_the_next_is_added() -> None:
    poller = Poller()
    async with line() as one, line() as other:
        poller.add_transport(one.transport)
        one.transport.abort()
        poller.add_transport(other.transport)
        assert list(poller._transports.values()) == [other.transport]


async def test_a_removed_or_closed_transport_is_not_read() -> None:
    poller = Poller()
    async with line() as one, line() as other, line() as third:
        for each in (one, other, third):
            poller.add_transport(each.transport)
        poller.remove_transport(one.transport)
        other.transport.close()
        one.send(b"late")
        third.send(b"sound")
        await until(lambda: bool(third.receiver.data))
        assert one.receiver.data == []
        poller.remove_transport(other.transport)
        poller.remove_transport(one.transport)
        poller.remove_transport(third.transport)
    await until(lambda: poller._epoll is None)
    assert poller._next is None


async def test_a_reused_descriptor_belongs_to_the_new_transport() -> None:
    """The first transport is closed and has not been removed yet."""
    poller = Poller()
    async with line() as first:
        poller.add_transport(first.transport)
        number = first.transport.get_extra_info("socket").fileno()
        first.transport.close()
        await asyncio.sleep(0.01)
        async with line() as second:
            assert second.transport.get_extra_info("socket").fileno() == number
            poller.add_transport(second.transport)
            poller.remove_transport(first.transport)
            second.send(b"sound")
            await until(lambda: second.receiver.data == [b"sound"])
            poller.remove_transport(second.transport)


async def test_an_unknown_asyncio_goes_on_reading() -> None:
    poller = Poller()
    async with line() as one:
        one.transport._sock, sock = None, one.transport._sock
        assert not poller.add_transport(one.transport)
        one.transport._sock = sock
        one.send(b"sound")
        await until(lambda: one.receiver.data == [b"sound"])


async def test_transports_of_an_unknown_aioice_are_not_polled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, other = Link(), SimpleNamespace(transport=SimpleNamespace(transport=None))
    monkeypatch.setattr(
        link.connection, "getTransceivers", lambda: [SimpleNamespace(receiver=other)]
    )
    link._poll()
    assert link._polled == []
    await link.connection.close()


async def test_a_call_is_polled_until_it_is_closed() -> None:
    async with calling() as call:
        await until(lambda: call.peer._link.connected)
        assert len(get_poller()._transports) == 1
    await until(lambda: get_poller()._next is None)
