from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from service.rooms.peer.link import NEVER_MADE, Link
from service.rooms.peer.pulse import GONE, TIMEOUTS, Pulse, PulseTimeouts, until_gone
from tests.rooms.calls import SOON_S, Call, calling, until

pytestmark = pytest.mark.anyio

GONE_WITHIN_S = 10.0


@contextlib.asynccontextmanager
async def _silent() -> AsyncIterator[Call]:
    """Make a call whose publisher is there and sends neither sound nor reports."""
    async with calling() as call:
        await call.sender.stop()
        await asyncio.sleep(0.1)
        yield call


async def test_a_silent_publisher_answers() -> None:
    async with _silent() as call:
        pulse = Pulse(call.peer._link.connection)
        before = pulse.count_datagrams()
        assert await pulse.ask_consent()
        assert await pulse.ask_consent()
        assert pulse.count_datagrams() == before, "an answer is no datagram of media"


async def test_a_publisher_that_is_gone_does_not_answer() -> None:
    async with calling() as call:
        _die(call)
        async with asyncio.timeout(SOON_S):
            assert not await Pulse(call.peer._link.connection).ask_consent()


async def test_a_publisher_that_dies_is_removed_in_time() -> None:
    async with calling() as call:
        _die(call)
        await until(lambda: bool(call.ended), GONE_WITHIN_S)
        assert call.ended == [GONE]


async def test_a_silent_publisher_stays_connected() -> None:
    async with _silent() as call:
        await asyncio.sleep(TIMEOUTS.gone_s + 3)
        assert call.ended == []
        assert call.peer._link.connected


async def test_a_pause_of_this_process_removes_nobody() -> None:
    """The process reads no datagram during its pause, even if some came."""
    timeouts = PulseTimeouts(check_s=0.01, ask_s=0.02, gone_s=0.2, longest_check_s=0.05)
    asked = 0

    async def ask_consent() -> bool:
        nonlocal asked
        asked += 1
        time.sleep(1)  # noqa: ASYNC251 - the event loop must pause
        return asked > 1

    async def check(datagrams: int) -> str:
        return "enough" if asked == 2 else ""

    assert await until_gone(lambda: 0, ask_consent, check, timeouts) == "enough"


async def test_a_check_can_end_the_connection() -> None:
    received = iter(range(100, 1_000, 100))
    checked: list[int] = []

    async def ask_consent() -> bool:
        raise AssertionError("a publisher that sends is not asked")

    async def check(datagrams: int) -> str:
        checked.append(datagrams)
        return "a flood" if len(checked) == 3 else ""

    assert await until_gone(lambda: next(received), ask_consent, check) == "a flood"
    assert checked == [100, 100, 100]


async def test_a_connection_that_is_never_made_ends() -> None:
    ended: list[str] = []
    link = Link(setup_s=0.2)
    try:
        link.watch(ended.append)
        assert not ended
        await until(lambda: bool(ended))
        await asyncio.sleep(0.3)
        assert ended == [NEVER_MADE]
    finally:
        await link.close()


def _die(call: Call) -> None:
    """Close the publisher's sockets without a word, as SIGKILL does."""
    (transceiver,) = call.publisher.getTransceivers()
    ice = transceiver.sender.transport.transport._connection
    for protocol in ice._protocols:
        protocol.transport.abort()
