"""Tests that our parser of RTP agrees with aiortc's."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from aiortc.rtp import RTP_HEADER_LENGTH, HeaderExtensionsMap, RtpPacket
from hypothesis import example, given
from hypothesis import strategies as st

from service.rooms.peer.rtp import HEADER_BYTES, Malformed, parse_level_id, parse_packet
from tests.rooms.calls import CORPUS, corpus

LEVEL_ID = 2
CORPUS_PACKETS = [
    bytes.fromhex(line)
    for line in (CORPUS / "rtp.hex").read_text().splitlines()
    if line[:1] not in "#"
]


def parse_with_aiortc(data: bytes) -> RtpPacket | None:
    """Return None where aiortc finds the packet malformed."""
    known: Any = HeaderExtensionsMap()
    known._HeaderExtensionsMap__ids.audio_level = LEVEL_ID
    try:
        return RtpPacket.parse(data, known)
    except (ValueError, struct.error):
        return None


def compare_with_aiortc(data: bytes) -> None:
    expected = parse_with_aiortc(data)
    if expected is None:
        with pytest.raises(Malformed):
            parse_packet(data, LEVEL_ID)
        return
    parsed, level = parse_packet(data, LEVEL_ID), expected.extensions.audio_level
    for name in ("payload_type", "sequence_number", "timestamp", "ssrc", "payload"):
        assert getattr(parsed, name) == getattr(expected, name)
    assert parsed.level == (None if level is None else level[1])


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Draw nearly valid RTP: the header may be right, the extensions may be cut short."""
    first = draw(st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0x92, 0xB3, 0x40, 0xFF]))
    rest = draw(st.binary(min_size=11, max_size=11))
    sources = draw(st.binary(max_size=16))
    form = draw(st.sampled_from([0xBEDE, 0x1000, 0x1234]))
    words = draw(st.integers(0, 4))
    elements = draw(
        st.lists(
            st.sampled_from(
                [
                    b"\x20\x9e",
                    b"\x21\x01\x02",
                    b"\x00",
                    b"\x02\x01\x85",
                    b"\x02\x02\x01\x01",
                    b"\x10m",
                ]
            ),
            max_size=6,
        )
    )
    extension = struct.pack("!HH", form, words) + b"".join(elements)
    payload = draw(st.binary(max_size=12))
    return bytes([first]) + rest + sources + extension + payload


@given(packets())
def test_nearly_valid_packets_are_parsed_as_aiortc_does(data: bytes) -> None:
    compare_with_aiortc(data)


@given(st.binary(max_size=64))
@example(b"")
@example(b"\x80" + bytes(11))
@example(b"\xa0" + bytes(11))
@example(b"\x8f" + bytes(30))
def test_any_bytes_are_parsed_as_aiortc_does(data: bytes) -> None:
    compare_with_aiortc(data)


@pytest.mark.parametrize("data", CORPUS_PACKETS, ids=range(len(CORPUS_PACKETS)))
def test_the_packets_of_the_corpus_are_parsed_as_aiortc_does(data: bytes) -> None:
    compare_with_aiortc(data)


def test_without_an_agreed_level_extensions_are_skipped() -> None:
    packet = bytes([0x90]) + bytes(11) + bytes.fromhex("bede0001209e0000") + b"sound"
    assert parse_packet(packet, LEVEL_ID).level == 0x1E
    assert parse_packet(packet, None).level is None
    assert parse_packet(packet, None).payload == b"sound"


def test_the_number_of_the_level_comes_from_the_session() -> None:
    assert parse_level_id(corpus("chromium.sdp")) is not None
    assert (
        parse_level_id("v=0\r\na=extmap:7/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n")
        == 7
    )
    assert parse_level_id("v=0\r\n") is None


def test_headers_have_the_length_that_aiortc_knows() -> None:
    assert HEADER_BYTES == RTP_HEADER_LENGTH
