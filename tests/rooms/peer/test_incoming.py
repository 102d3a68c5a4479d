"""Tests of calls: the behaviour of aiortc that we rely on."""

from __future__ import annotations

import asyncio
import importlib.metadata
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from service.listening.ear import Ear
from service.rooms.peer.contract import TESTED
from tests.listening.sound import loud
from tests.rooms.calls import (
    SOON_S,
    calling,
    until,
    voice,
)
from tests.rooms.peer.offers import expect_tasks_ended

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("library", TESTED)
def test_the_tested_version_is_installed(library: str) -> None:
    assert importlib.metadata.version(library).startswith(f"{TESTED[library]}.")


async def test_aiortc_counts_packets_for_its_reports_where_we_count_them() -> None:
    async with calling() as call:
        [transceiver] = call.peer._link.connection.getTransceivers()
        stats = (await transceiver.receiver.getStats()).values()
        [counted] = [one for one in stats if one.type == "inbound-rtp"]
        assert counted.ssrc == call.packets[0].ssrc
        assert counted.packetsReceived >= 3
        assert counted.packetsLost == 0


async def test_packets_arrive_one_by_one_in_order_as_they_were_encoded() -> None:
    async with calling() as call:
        await until(lambda: len(call.packets) >= 60)
        assert call.ended == []
        packets = list(call.packets)
    assert {(b.sequence - a.sequence) % 65536 for a, b in pairwise(packets)} == {1}
    assert {(b.timestamp - a.timestamp) % 2**32 for a, b in pairwise(packets)} == {960}
    assert all(a.arrived_s <= b.arrived_s for a, b in pairwise(packets))
    sent = [packet.payload for packet in voice()]
    first = sent.index(packets[0].payload)
    assert [packet.payload for packet in packets] == [
        sent[(first + n) % len(sent)] for n in range(len(packets))
    ]


async def test_no_decoder_runs_and_the_track_holds_no_frames() -> None:
    async with calling() as call:
        await until(lambda: len(call.packets) >= 100)
        assert [thread.name for thread in threading.enumerate() if "decoder" in thread.name] == []
        (transceiver,) = call.peer._link.connection.getTransceivers()
        track: Any = transceiver.receiver.track
        assert track._queue.qsize() <= 1, "the mark of its end"


async def test_reports_tell_the_sender_how_many_packets_were_lost() -> None:
    """Without these reports browsers and libopus send no redundancy (FEC)."""
    async with calling() as call:
        dropped = dropping(call.sender, every=5)
        await until(lambda: dropped() >= 20)
        before = dropped()
        reports = await stats(call.sender, "remote-inbound-rtp")
        while reports["packetsLost"] < before:
            await asyncio.sleep(0.05)
            reports = await stats(call.sender, "remote-inbound-rtp")
        assert before <= reports["packetsLost"] <= dropped()


def dropping(sender: Any, *, every: int) -> Callable[[], int]:
    """Drop every nth media packet of a sender; return a function that counts the dropped ones."""
    transport = sender.transport
    send: Callable[[bytes], Awaitable[None]] = transport._send_rtp
    sent = 0

    async def lossy(data: bytes) -> None:
        nonlocal sent
        if not 192 <= data[1] <= 223:  # RTCP (RFC 5761)
            sent += 1
            if sent % every == 0:
                return
        await send(data)

    transport._send_rtp = lossy
    return lambda: sent // every


async def stats(sender: Any, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(SOON_S):
        while True:
            report = await sender.getStats()
            for one in report.values():
                if one.type == kind:
                    return dict(vars(one))
            await asyncio.sleep(0.05)


async def test_an_ear_conceals_lost_packets() -> None:
    """Covers the whole path from a publisher's packets to samples."""
    async with calling() as call:
        dropped = dropping(call.sender, every=7)
        await until(lambda: len(call.packets) >= 80 and dropped() >= 8)
    now = datetime.now(UTC)
    ear = Ear("room", "ann", vad=loud, now=now)
    items = []
    for packet in call.packets:
        items += ear.tick(packet.arrived_s, now) + ear.push(packet, now)
    items += ear.close(now)
    assert ear.counters.lost >= 8
    assert items


async def test_closing_leaves_no_task_and_no_socket() -> None:
    before = asyncio.all_tasks()
    async with calling() as call:
        await until(lambda: len(call.packets) >= 10)
    await expect_tasks_ended(before)
    await call.peer.close()  # a second close does nothing


async def test_a_publisher_that_leaves_is_reported_once() -> None:
    async with calling() as call:
        await call.publisher.close()
        await until(lambda: bool(call.ended))
        await asyncio.sleep(0.05)
        assert call.ended == ["the connection was lost"]


async def test_a_connection_that_we_close_is_not_reported() -> None:
    async with calling() as call:
        await call.peer.close()
        await asyncio.sleep(0.05)
        assert call.ended == []
