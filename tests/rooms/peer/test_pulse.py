from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from service.rooms.peer.link import NEVER_MADE, Link
from service.rooms.peer.pulse import GONE, PATIENCE, Patience, Pulse, until_gone
from tests.rooms.calls import SOON_S, Call, calling, until

pytestmark = pytest.mark.anyio

GONE_WITHIN_S = 10.0


@contextlib.asynccontextmanager
async def _silent() -> AsyncIterator[Call]:
    """Its publisher is there, and sends neither sound nor reports."""
    async with calling() as call:
        await call.sender.stop()
        await asyncio.sleep(0.1)
        yield call


async def test_whoever_sends_nothing_and_answers_is_there() -> None:
    async with _silent() as call:
        heart = Pulse(call.peer._link.connection)
        before = heart.received()
        assert await heart.answers()
        assert await heart.answers()
        assert heart.received() == before, "an answer is no datagram of media"


async def test_whoever_is_gone_does_not_answer() -> None:
    async with calling() as call:
        _die(call)
        async with asyncio.timeout(SOON_S):
            assert not await Pulse(call.peer._link.connection).answers()


async def test_a_publisher_that_dies_is_let_go_of_in_time() -> None:
    async with calling() as call:
        _die(call)
        await until(lambda: bool(call.ended), GONE_WITHIN_S)
        assert call.ended == [GONE]


async def test_a_publisher_that_is_only_silent_is_not() -> None:
    async with _silent() as call:
        await asyncio.sleep(PATIENCE.gone_s + 3)
        assert call.ended == []
        assert call.peer._link.connected


async def test_a_process_that_stood_still_lets_nobody_go() -> None:
    """Nothing has been read meanwhile, whatever came."""
    patience = Patience(look_s=0.01, ask_s=0.02, gone_s=0.2, longest_look_s=0.05)
    asked = 0

    async def answers() -> bool:
        nonlocal asked
        asked += 1
        time.sleep(1)  # noqa: ASYNC251 - the loop is to stand still
        return asked > 1

    async def look(datagrams: int) -> str:
        return "enough" if asked == 2 else ""

    assert await until_gone(lambda: 0, answers, look, patience) == "enough"


async def test_what_looks_may_end_it() -> None:
    received = iter(range(100, 1_000, 100))
    seen: list[int] = []

    async def answers() -> bool:
        raise AssertionError("whoever sends is not asked")

    async def look(datagrams: int) -> str:
        seen.append(datagrams)
        return "a flood" if len(seen) == 3 else ""

    assert await until_gone(lambda: next(received), answers, look) == "a flood"
    assert seen == [100, 100, 100]


async def test_a_connection_that_is_never_made_is_given_up() -> None:
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
    """As SIGKILL does it: its sockets are gone, and nothing was said."""
    (transceiver,) = call.publisher.getTransceivers()
    ice = transceiver.sender.transport.transport._connection
    for protocol in ice._protocols:
        protocol.transport.abort()
