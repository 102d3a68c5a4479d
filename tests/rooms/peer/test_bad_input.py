"""Tests that bad input of a connected publisher harms nobody else and is counted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from aioice import Candidate, stun
from aiortc.rtp import RtpPacket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.listening.ear import Ear
from service.listening.packet import Packet
from service.rooms.peer.health import FLOOD, SOURCES
from service.rooms.peer.intake import MOST_SOURCES, Unfit
from tests.listening.sound import loud
from tests.rooms.calls import CORPUS, Call, calling, until, voice

pytestmark = pytest.mark.anyio

SSRC = 4_000_000_001
"""An SSRC that none of the publisher's own packets has."""


def opus_type(call: Call) -> int:
    transceivers: Any = call.publisher.getTransceivers()
    return int(transceivers[0]._codecs[0].payloadType)


def ours(call: Call) -> Any:
    """Return our transport of the call."""
    return call.peer._receiver.transport


def rtp(call: Call, number: int, **other: Any) -> bytes:
    fields: dict[str, Any] = {
        "payload_type": opus_type(call),
        "sequence_number": number % 65_536,
        "timestamp": (960 * number) % (1 << 32),
        "ssrc": SSRC,
        "payload": voice()[number % len(voice())].payload,
    }
    return bytes(RtpPacket(**(fields | other)).serialize())


async def send(call: Call, data: bytes) -> None:
    """Send a packet as the publisher, encrypted with its keys."""
    transport: Any = call.sender.transport
    await transport._send_rtp(data)


async def expect_packets(call: Call) -> None:
    """Wait until more packets of the publisher arrive."""
    before = len(call.packets)
    await until(lambda: len(call.packets) > before + 20)
    assert call.ended == []
    assert call.peer._link.connected


ODD_LEVEL = bytes.fromhex("bede0001") + bytes([0x21, 0x20, 0x20, 0x00])
"""A header extension: the level (number 2) in two bytes instead of one."""


async def test_a_header_extension_of_an_odd_length_is_counted_and_ends_nothing() -> None:
    async with calling() as call:
        good = rtp(call, 1)
        await send(call, bytes([good[0] | 0x10]) + good[1:12] + ODD_LEVEL + good[12:])
        await until(lambda: Unfit.MALFORMED in call.unfit)
        await expect_packets(call)


async def test_other_payload_types_are_counted_and_not_heard() -> None:
    async with calling() as call:
        heard = {packet.ssrc for packet in call.packets}
        for number in range(30):
            await send(call, rtp(call, number, payload_type=13))
        await until(lambda: call.unfit.count(Unfit.STRAY) == 30)
        await expect_packets(call)
        assert {packet.ssrc for packet in call.packets} == heard


async def test_too_many_sources_end_the_connection() -> None:
    async with calling() as call:
        for number in range(MOST_SOURCES + 4):
            await send(call, rtp(call, number, ssrc=SSRC + number))
            await asyncio.sleep(0.02)
        await until(lambda: bool(call.ended))
        assert call.ended == [SOURCES]


async def test_ten_times_the_rate_harms_only_its_sender() -> None:
    async with calling() as mallory, calling() as ann:
        mallory.sender.replaceTrack(None)
        number = 0
        while mallory.unfit.count(Unfit.RATE) < 100:
            await send(mallory, rtp(mallory, number, timestamp=96 * number))
            number += 1
            if number % 10 == 0:
                await asyncio.sleep(0.001)
        await until(lambda: bool(mallory.troubles))
        assert "packets a second" in mallory.troubles[0]
        assert (ann.unfit, ann.troubles, ann.ended) == ([], [], [])
        numbers = [packet.sequence for packet in ann.packets]
        assert numbers == [(numbers[0] + n) % 65_536 for n in range(len(numbers))]


async def test_a_flood_is_disconnected_and_others_are_heard() -> None:
    async with calling() as mallory, calling() as ann:
        ice = ours(mallory).transport._connection
        while not mallory.ended:
            for _ in range(200):
                ice.data_received(b"\xff" * 100, 1)
            await asyncio.sleep(0.01)
        assert mallory.ended == [FLOOD]
        await mallory.peer.close()
        await expect_packets(ann)


async def test_datagrams_of_strangers_end_nothing_and_fill_no_memory() -> None:
    """Anyone who can reach the port may send them."""
    noise = random.Random(8)
    async with calling() as call:
        ice = ours(call).transport._connection
        (pair,) = ice._nominated.values()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(50):
                for size in (0, 1, 12, 20, 200, 1_400):
                    stranger.sendto(noise.randbytes(size), pair.local_addr)
                await asyncio.sleep(0.002)
        await until(lambda: Unfit.MALFORMED in call.unfit)
        await expect_packets(call)


async def test_datagrams_that_are_too_long_or_forged_end_nothing_and_are_not_heard() -> None:
    """A stranger who has seen a packet knows its source and its type, and has no key."""
    async with calling() as call:
        (pair,) = ours(call).transport._connection._nominated.values()
        header = rtp(call, 1, ssrc=call.packets[0].ssrc)[:12]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for size in (12, 13, 100, 1_400, 1_500, 1_501, 9_000):
                stranger.sendto(header.ljust(size, b"?"), pair.local_addr)
        await until(lambda: call.unfit.count(Unfit.MALFORMED) >= 2)
        assert all(b"??" not in packet.payload for packet in call.packets)
        await expect_packets(call)


async def test_the_queue_of_datagrams_is_bounded() -> None:
    async with calling() as call:
        ice = ours(call).transport._connection
        for _ in range(5_000):
            ice.data_received(b"\xff" * 1_400, 1)
        assert ice._queue.qsize() <= 1_000
        assert Unfit.RATE in call.unfit
        await expect_packets(call)


@contextlib.asynccontextmanager
async def through_an_ear(call: Call) -> AsyncIterator[None]:
    """Push the packets that arrived inside the context through an ear afterwards."""
    before = len(call.packets)
    yield
    now = datetime.now(UTC)
    ear = Ear("room", "mallory", vad=loud, now=now)
    for packet in call.packets[before:]:
        ear.push(packet, now)
        ear.tick(packet.arrived_s, now)
    ear.close(now)
    del call.packets[before:]


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    async with calling() as call:
        yield call


def corpus_packets() -> Sequence[bytes]:
    """Return real and damaged packets of the corpus, a line of hexadecimal each."""
    lines = (CORPUS / "rtp.hex").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a packet that is cut off, changed or extended, or no packet at all."""
    data = bytearray(draw(st.sampled_from(corpus_packets())))
    match draw(st.sampled_from(("cut", "change", "change", "insert", "noise"))):
        case "cut":
            del data[draw(st.integers(0, len(data))) :]
        case "change":
            for _ in range(draw(st.integers(1, 4))):
                data[draw(st.integers(0, min(40, len(data) - 1)))] = draw(st.integers(0, 255))
        case "insert":
            at = draw(st.integers(0, min(40, len(data))))
            data[at:at] = draw(st.binary(max_size=20))
        case _:
            return draw(st.binary(max_size=80))
    return bytes(data)


MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(damaged(), min_size=1, max_size=12))
@MANY
async def test_damaged_packets_end_nothing(call: Call, packets: list[bytes]) -> None:
    async with through_an_ear(call):
        for data in [*packets, *corpus_packets()]:
            await ours(call)._handle_rtp_data(data, arrival_time_ms=0)
    assert call.peer._link.connected


@given(st.lists(damaged(), min_size=1, max_size=12))
@MANY
async def test_damaged_reports_end_nothing(call: Call, packets: list[bytes]) -> None:
    for data in packets:
        await ours(call)._handle_rtcp_data(data[:1] + bytes([200 + len(data) % 7]) + data[2:])
    assert call.peer._link.connected


@given(st.lists(damaged() | st.binary(max_size=100), min_size=1, max_size=12))
@MANY
async def test_any_datagram_ends_nothing(call: Call, datagrams: list[bytes]) -> None:
    (pair,) = ours(call).transport._connection._nominated.values()
    for data in datagrams:
        for sent in (data, b"\x00\x01" + data, bytes.fromhex("000100002112a442") + data):
            pair.protocol.datagram_received(sent, ("127.0.0.1", 9))
    await asyncio.sleep(0)
    assert call.peer._link.connected


@given(
    st.lists(
        st.tuples(
            st.integers(0, 65_535),
            st.integers(0, (1 << 32) - 1),
            st.integers(0, 3),
            st.binary(min_size=1, max_size=30) | st.sampled_from([p.payload for p in voice()]),
            st.floats(0, 1),
        ),
        max_size=60,
    )
)
@settings(max_examples=60)
def test_an_ear_survives_any_packets_and_holds_little(
    sent: list[tuple[int, int, int, bytes, float]],
) -> None:
    now = datetime.now(UTC)
    ear = Ear("room", "mallory", vad=loud, now=now)
    at_s = 1_000.0
    for sequence, timestamp, ssrc, payload, pause_s in sent:
        at_s += pause_s
        ear.push(Packet(sequence, timestamp, None, payload, at_s, ssrc), now)
        ear.tick(at_s, now)
        assert ear.held_bytes < 1_000_000
    ear.close(now)


async def test_a_check_from_a_candidate_of_another_component_is_malformed() -> None:
    """aioice asserts that there is no such candidate, but any publisher's offer can have one."""
    async with calling() as call:
        ice = ours(call).transport._connection
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            ice._remote_candidates.append(
                Candidate.from_sdp(f"9 2 udp 2130706431 127.0.0.1 {port} typ host")
            )
            check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
            check.attributes["USERNAME"] = f"{ice.local_username}:{ice.remote_username}"
            check.attributes["PRIORITY"] = 1
            check.attributes["ICE-CONTROLLING"] = 1
            check.add_message_integrity(ice.local_password.encode())
            other.sendto(bytes(check), next(iter(ice._nominated.values())).local_addr)
            await until(lambda: call.unfit == [Unfit.MALFORMED])
        await expect_packets(call)
