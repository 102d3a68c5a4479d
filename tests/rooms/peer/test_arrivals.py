"""Datagrams that waited in the kernel keep the times at which they came."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rooms.peer.arrivals import ArrivalClock, count_dropped, prepare_socket
from service.rooms.peer.poller import Poller
from tests.rooms.calls import until
from tests.rooms.peer.test_poller import line

SECONDS = st.floats(0, 1e6)


@pytest.mark.anyio
async def test_a_loop_that_was_busy_knows_when_each_datagram_came() -> None:
    poller = Poller()
    loop = asyncio.get_running_loop()
    arrived: list[tuple[bytes, float, float]] = []
    async with line() as one:
        poller.add_transport(one.transport)

        def note(data: bytes, addr: tuple[str, int]) -> None:
            arrived.append((data, poller.arrival_s(), poller.read_until_s(loop.time())))

        one.receiver.datagram_received = note  # type: ignore[method-assign]
        one.send(b"in time")
        await until(lambda: len(arrived) == 1)
        sent = []
        for number in range(3):
            sent.append(loop.time())
            one.send(b"%d" % number)
            time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy
        await until(lambda: len(arrived) == 4)
        one.send(b"in time again")
        await until(lambda: len(arrived) == 5)
        now_s = loop.time()
    for sent_s, (_, arrived_s, read_until_s) in zip(sent, arrived[1:4], strict=True):
        assert arrived_s == pytest.approx(sent_s, abs=0.05)
        assert read_until_s <= arrived_s
    assert arrived[4][1] == pytest.approx(now_s, abs=0.1)


@pytest.mark.anyio
async def test_what_waits_in_a_socket_is_delivered_before_it_is_closed() -> None:
    poller = Poller()
    async with line() as one:
        poller.add_transport(one.transport)
        for number in range(100):
            one.send(b"%d" % number)
        assert poller.remove_transport(one.transport) == 0.0
        assert one.receiver.data == [b"%d" % number for number in range(100)]


@pytest.mark.anyio
async def test_a_receive_buffer_that_was_full_is_noticed() -> None:
    poller = Poller()
    loop = asyncio.get_running_loop()
    async with line() as one:
        poller.add_transport(one.transport)
        await until(lambda: poller.read_until_s(loop.time()) > 0)
        one.transport._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        began_s = loop.time()
        for _ in range(100):
            one.send(bytes(100))
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy
        assert count_dropped(one.transport._sock) > 0
        assert poller.remove_transport(one.transport) >= began_s
        assert 0 < len(one.receiver.data) < 100


def test_a_prepared_socket_holds_ten_seconds_of_a_speaker() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        prepare_socket(receiver)
        for _ in range(500):
            sender.sendto(bytes(120), receiver.getsockname())
        assert count_dropped(receiver) == 0


@given(stamp=SECONDS, earliest_s=SECONDS, length_s=SECONDS, before_s=SECONDS, now_s=SECONDS)
def test_an_arrival_lies_in_its_bounds_whatever_the_wall_clock_does(
    stamp: float, earliest_s: float, length_s: float, before_s: float, now_s: float
) -> None:
    wall: list[Any] = [before_s, now_s]
    clock = ArrivalClock(lambda: wall.pop(0))
    clock.note_empty(0.0)
    clock.begin_reading(0.0)
    latest_s = earliest_s + length_s
    assert earliest_s <= clock.arrival_s(stamp, earliest_s, latest_s) <= latest_s


@pytest.mark.parametrize("step_s", [0.0, 3_600.0, -3_600.0])
def test_arrivals_before_and_after_a_step_of_the_wall_clock_are_right(step_s: float) -> None:
    wall = iter([5_000.0, 5_012.0 + step_s])
    clock = ArrivalClock(lambda: next(wall))
    clock.note_empty(100.0)
    clock.begin_reading(112.0)
    assert clock.arrival_s(5_004.0, 100.0, 112.0) == 104.0
    assert clock.arrival_s(5_008.0 + step_s, 100.0, 112.0) == 108.0


def test_a_datagram_without_a_stamp_came_when_it_was_read() -> None:
    assert ArrivalClock().arrival_s(None, 100.0, 112.0) == 112.0
