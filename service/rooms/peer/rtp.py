"""Parser of RTP packets (RFC 3550) with the audio level in their header (RFC 6464). Pure.

aiortc's parser reads every extension into an object of its own. After decryption that was the most
expensive step on a packet's path to sound.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

HEADER_BYTES = 12
_ONE_BYTE, _TWO_BYTES = 0xBEDE, 0x1000
"""The two forms of header extensions (RFC 8285)."""
_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
_header = struct.Struct("!BBHLL").unpack_from
_extension = struct.Struct("!HH").unpack_from


class Malformed(ValueError):
    """Not an RTP packet."""


class Rtp(NamedTuple):
    """One packet. Its attributes have aiortc's names, since aiortc's statistics read them.

    Attributes:
        level: Declared level, 0 to 127 dB below full scale; None: not declared.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    level: int | None
    payload: bytes


def parse_packet(data: bytes, level_id: int | None) -> Rtp:
    """Parse a decrypted packet.

    Args:
        level_id: Number of the level's header extension; None: there is none.

    Raises:
        Malformed: The packet is shorter than it says, or of another version.
    """
    if len(data) < HEADER_BYTES:
        raise Malformed
    first, second, sequence, timestamp, ssrc = _header(data)
    if first >> 6 != 2:
        raise Malformed
    at, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    level = None
    if first & 0x10:
        if end < at + 4:
            raise Malformed
        form, words = _extension(data, at)
        begins, at = at + 4, at + 4 + 4 * words
        if end < at:
            raise Malformed
        if level_id is not None:
            level = _level(data, form, begins, at, level_id)
    if first & 0x20:
        padding = data[-1]
        if not 0 < padding <= end - at:
            raise Malformed
        end -= padding
    if end < at:
        raise Malformed
    return Rtp(second & 0x7F, sequence, timestamp, ssrc, level, data[at:end])


def parse_level_id(sdp: str) -> int | None:
    """Return the number that a session gave the level's header extension, if any."""
    found = re.search(rf"^a=extmap:(\d+)(?:/\w+)? {_LEVEL}", sdp, re.MULTILINE)
    return int(found[1]) if found else None


def _level(data: bytes, form: int, at: int, end: int, wanted: int) -> int | None:
    """Return the level; the last one of several, as aiortc does."""
    level = None
    while at < end and form in (_ONE_BYTE, _TWO_BYTES):
        if data[at] == 0:  # padding
            at += 1
            continue
        if form == _ONE_BYTE:
            number, length = data[at] >> 4, (data[at] & 0x0F) + 1
            at += 1
        else:
            if end < at + 2:
                raise Malformed
            number, length = data[at], data[at + 1]
            at += 2
        if end < at + length:
            raise Malformed
        if number == wanted:
            if length != 1:
                raise Malformed
            level = data[at] & 0x7F
        at += length
    return level
