"""A busy event loop reads a publisher's packets late, and knows when each of them came."""

from __future__ import annotations

import time

import pytest
from aiortc.rtp import RtcpSenderInfo, RtcpSrPacket

from tests.rooms.calls import calling, until
from tests.rooms.peer.test_bad_input import SSRC, rtp, send

pytestmark = pytest.mark.anyio

_PACKETS = 60
_CLOCKS_S = 0.1
"""Difference between the readings of two clocks on a busy machine; the packets wait 1.2 s."""


async def test_packets_and_reports_that_waited_are_dated_by_their_arrival() -> None:
    async with calling() as call:
        call.sender.replaceTrack(None)
        await send(call, rtp(call, 0))
        await until(lambda: any(packet.ssrc == SSRC for packet in call.packets))
        sent_s = []
        for number in range(1, _PACKETS):
            before_s = time.monotonic()
            await send(call, rtp(call, number))
            sent_s.append((before_s, time.monotonic()))
            if number % 10 == 0:
                info = RtcpSenderInfo(0, number, number, number)
                await send(call, bytes(RtcpSrPacket(ssrc=SSRC, sender_info=info)))
            time.sleep(0.02)  # noqa: ASYNC251 - the loop is busy: nothing is read meanwhile
        assert len([packet for packet in call.packets if packet.ssrc == SSRC]) == 1
        await until(lambda: sum(packet.ssrc == SSRC for packet in call.packets) == _PACKETS)
        came = [packet for packet in call.packets if packet.ssrc == SSRC][1:]
        assert [packet.sequence for packet in came] == list(range(1, _PACKETS))
        for packet, (before_s, after_s) in zip(came, sent_s, strict=True):
            assert before_s - _CLOCKS_S <= packet.arrived_s <= after_s + _CLOCKS_S
        assert (call.unfit, call.ended) == ([], [])
