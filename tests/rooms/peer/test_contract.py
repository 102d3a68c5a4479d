"""Tests of the check of private names, and of the stock path that takes over where they differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport, RtpRouter

from asr.speech import Utterance
from service.listening.ear import Ear
from service.listening.opus import OpusDecoder
from service.rooms.peer.contract import find_faults, sentences
from tests.listening.sound import clip_16k, loud
from tests.rooms.calls import calling, until

pytestmark = pytest.mark.anyio


async def faults() -> list[str]:
    connection = RTCPeerConnection()
    try:
        receiver = connection.addTransceiver("audio", direction="recvonly").receiver
        return sentences(find_faults(receiver=receiver))
    finally:
        await connection.close()


async def test_aiortc_is_as_we_know_it() -> None:
    found = await faults()
    assert found == [], f"aiortc has changed, so that packets cannot be taken: {'; '.join(found)}"


def _another_order(self: Any, arrival_time_ms: int, data: bytes) -> None: ...


CHANGES: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (
        lambda patch: patch.setattr(RTCDtlsTransport, "_handle_rtp_data", _another_order),
        "RTCDtlsTransport._handle_rtp_data takes arrival_time_ms, data; "
        "we know data, arrival_time_ms",
    ),
    (
        lambda patch: patch.delattr(RTCRtpReceiver, "_handle_disconnect"),
        "RTCRtpReceiver._handle_disconnect is missing",
    ),
    (
        lambda patch: patch.delattr(RTCDtlsTransport, "_handle_rtcp_data"),
        "RTCDtlsTransport._handle_rtcp_data is missing",
    ),
    (
        lambda patch: patch.setattr(RtpRouter, "__init__", _lists),
        "RtpRouter.ssrc_table is of type list; we know dict",
    ),
]


def _lists(self: Any) -> None:
    self.receivers, self.senders, self.mid_table = set(), {}, {}
    self.ssrc_table, self.payload_type_table = [], {}


@pytest.mark.parametrize(("change", "sentence"), CHANGES, ids=[sentence for _, sentence in CHANGES])
async def test_a_changed_name_is_reported_in_a_sentence(
    change: Callable[[pytest.MonkeyPatch], None], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    assert await faults() == [sentence]


def _similarity(received: bytes, spoken: bytes) -> float:
    """Return the best normalised correlation; 1: one recording contains the other."""
    a, b = (np.frombuffer(pcm, np.int16).astype(np.float64) for pcm in (received, spoken))
    size = 2 ** (len(a) + len(b)).bit_length()
    both = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(both.max() / (np.linalg.norm(a) * np.linalg.norm(b)))


async def test_the_stock_path_is_heard_where_packets_cannot_be_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """aiortc's transport has another method here than the one that we know."""
    original = RTCDtlsTransport._handle_rtp_data

    async def another(self: Any, data: bytes, arrival_time_ms: int, more: int = 0) -> None:
        await original(self, data, arrival_time_ms)

    monkeypatch.setattr(RTCDtlsTransport, "_handle_rtp_data", another)
    async with calling(pace_s=0.02) as call:
        await until(lambda: len(call.packets) > 150)
        packets = list(call.packets)
    decoder = OpusDecoder()
    heard = b"".join(decoder.decode(packet.payload) for packet in packets)
    assert _similarity(heard, clip_16k("trudy-insult.opus")) > 0.6
    now = datetime.now(UTC)
    ear = Ear("room", "ann", vad=loud, now=now)
    items = []
    for packet in packets:
        items += ear.push(packet, now)
        items += ear.tick(packet.arrived_s, now)
    items += ear.close(now)
    assert any(isinstance(item, Utterance) for item in items)
    assert (ear.counters.lost, ear.counters.bad) == (0, 0)
