from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.listening.opus import MAX_PACKET_MS, BadPacket, OpusDecoder, packet_samples
from tests.listening.sound import clip_16k, clip_48k, encode, likeness

CLIP = "trudy-insult.opus"


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, np.int16).astype(np.float64)


def test_a_clip_comes_back_at_16_khz() -> None:
    decoder = OpusDecoder()
    heard = b"".join(decoder.decode(packet.payload) for packet in encode(clip_48k(CLIP)))
    assert likeness(heard, clip_16k(CLIP)) > 0.95


def test_a_packet_says_how_long_it_is() -> None:
    packet = encode(clip_48k(CLIP))[30].payload
    assert packet_samples(packet) == 320
    assert len(OpusDecoder().decode(packet)) == 640


def test_the_copy_in_the_next_packet_is_better_than_a_guess() -> None:
    packets = [packet.payload for packet in encode(clip_48k(CLIP))]
    whole = OpusDecoder()
    truth = [samples(whole.decode(payload)) for payload in packets]
    errors = {"copy": 0.0, "guess": 0.0}
    for how in errors:
        decoder = OpusDecoder()
        for number in range(1, len(packets) - 1):
            if number % 6 == 5:  # lost; the next one repairs it
                repaired = (
                    decoder.recover(packets[number + 1], 320)
                    if how == "copy"
                    else decoder.conceal(320)
                )
                errors[how] += float(np.square(samples(repaired) - truth[number]).sum())
            else:
                decoder.decode(packets[number])
    assert errors["copy"] < 0.5 * errors["guess"]


@pytest.mark.parametrize("count", [40, 320, 480, 1280, 1920])
def test_concealment_has_the_length_that_was_asked_for(count: int) -> None:
    packets = encode(clip_48k(CLIP))
    decoder = OpusDecoder()
    decoder.decode(packets[20].payload)
    assert len(decoder.conceal(count)) == 2 * count
    assert len(decoder.recover(packets[25].payload, count)) == 2 * count


@pytest.mark.parametrize("payload", [b"\xff", b"\xff\xff\x00", b"\x03"])
def test_an_invalid_packet_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPacket):
        packet_samples(payload)
    with pytest.raises(BadPacket):
        OpusDecoder().decode(payload)


def test_an_empty_packet_has_no_length() -> None:
    with pytest.raises(BadPacket):
        packet_samples(b"")


@given(st.binary(max_size=80))
def test_random_bytes_are_decoded_to_the_length_they_claim_or_refused(payload: bytes) -> None:
    decoder = OpusDecoder()
    try:
        claimed = packet_samples(payload)
        assert 0 < claimed <= 16 * MAX_PACKET_MS
        assert len(decoder.decode(payload)) == 2 * claimed
    except BadPacket:
        pass
    assert len(decoder.conceal(320)) == 640, "still works"
