from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from service.simulation.failed import SimulationFailed
from service.simulation.voice import (
    FRAME,
    SAMPLE_RATE,
    Microphone,
    Pcm,
    VoicePacket,
    audible_range,
    decode_packets,
    read_clip,
    resample,
    write_clip,
)
from tests.simulation.examples import CLIPS


def encode_voice(pcm: Pcm) -> list[VoicePacket]:
    microphone = Microphone()
    frames = (pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME))
    return [packet for frame in frames if (packet := microphone.push(frame)) is not None]


def a_call(*, silence_s: float = 2.0) -> tuple[Pcm, int, int]:
    """Return a clip between silences, and its range of audible samples."""
    clip = read_clip(CLIPS / "grace-kind.opus")
    around = round(silence_s * SAMPLE_RATE) // FRAME * FRAME
    call = np.pad(clip, (around, around - len(clip) % FRAME))
    return call, *audible_range(call)


def configuration(packet: VoicePacket) -> int:
    """Return the configuration number in an Opus packet's first byte (RFC 6716, section 3.1)."""
    return packet.payload[0] >> 3


def test_every_frame_of_speech_becomes_one_packet_of_20_ms() -> None:
    call, start, end = a_call()
    packets = encode_voice(call)
    speech = [packet.pts for packet in packets if start <= packet.pts < end]
    assert speech == list(range(start, end, FRAME))
    assert {configuration(packet) for packet in packets} <= set(range(16)), (
        "SILK or hybrid: FEC is possible"
    )
    assert all(packet.payload[0] & 7 == 0 for packet in packets), "mono, one frame a packet"


def test_speech_carries_the_packet_before_it_for_error_correction() -> None:
    call, start, end = a_call()
    speech = [packet for packet in encode_voice(call) if start + 5 * FRAME < packet.pts < end]
    with_copy = [packet for packet in speech if packet.payload[1] >> 6 & 1]
    assert len(with_copy) > 0.8 * len(speech)


def test_in_silence_one_packet_is_sent_every_400_ms() -> None:
    call, start, end = a_call(silence_s=3.0)
    packets = [packet.pts for packet in encode_voice(call)]
    for quiet in (range(start - FRAME), range(end + SAMPLE_RATE // 2, len(call))):
        beyond = [pts for pts in packets if pts in quiet and pts >= quiet.start + 12 * FRAME]
        assert {b - a for a, b in pairwise(beyond)} == {20 * FRAME}
    assert max(len(packet.payload) for packet in encode_voice(call)) < 250
    assert min(len(packet.payload) for packet in encode_voice(call)) > 2


def test_decoded_speech_has_its_place_and_loudness() -> None:
    call, start, end = a_call()
    decoded = decode_packets(encode_voice(call), len(call))
    heard_start, heard_end = audible_range(decoded)
    assert abs(heard_start - start) <= 2 * FRAME
    assert abs(heard_end - end) <= 2 * FRAME
    loudness = np.sqrt(np.mean(decoded[start:end].astype(float) ** 2))
    assert loudness == pytest.approx(np.sqrt(np.mean(call[start:end].astype(float) ** 2)), rel=0.2)


def test_every_shipped_clip_is_a_short_sentence_with_silence_around_it() -> None:
    clips = sorted(CLIPS.glob("*.opus"))
    assert len(clips) >= 20
    assert sum(path.stat().st_size for path in clips) < 500_000
    for path in clips:
        pcm = read_clip(path)
        start, end = audible_range(pcm)
        assert 1.2 <= len(pcm) / SAMPLE_RATE <= 4.0, path.name
        assert start >= 0.15 * SAMPLE_RATE, path.name
        assert len(pcm) - end >= 0.15 * SAMPLE_RATE, path.name


def test_a_clip_read_back_is_as_long_as_it_was_written(tmp_path: Path) -> None:
    tone = (8000 * np.sin(np.arange(SAMPLE_RATE) * 0.05)).astype(np.int16)
    write_clip(tmp_path / "tone.opus", tone)
    write_clip(tmp_path / "again.opus", tone)
    assert len(read_clip(tmp_path / "tone.opus")) == pytest.approx(SAMPLE_RATE, abs=FRAME)
    assert (tmp_path / "tone.opus").read_bytes() == (tmp_path / "again.opus").read_bytes()


def test_resampling_keeps_the_duration() -> None:
    tone = (8000 * np.sin(np.arange(SAMPLE_RATE) * 0.05)).astype(np.int16)
    assert len(resample(tone, SAMPLE_RATE, 16_000)) == pytest.approx(16_000, abs=32)


def test_silence_has_no_audible_range() -> None:
    assert audible_range(np.zeros(SAMPLE_RATE, np.int16)) == (0, 0)


@pytest.mark.parametrize("content", [b"", b"OggS", b"not a sound at all" * 100, None])
def test_an_unreadable_clip_is_reported_in_one_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "clip.opus"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SimulationFailed, match=r"clip\.opus is not a readable audio file"):
        read_clip(path)


def test_a_truncated_clip_is_read_up_to_its_end(tmp_path: Path) -> None:
    whole = (CLIPS / "grace-kind.opus").read_bytes()
    path = tmp_path / "clip.opus"
    path.write_bytes(whole[: len(whole) // 2])
    assert len(read_clip(path)) < len(read_clip(CLIPS / "grace-kind.opus"))
