from __future__ import annotations

import numpy as np
import pytest

from service.listening.vad import FRAME_BYTES, Vad, webrtc_vad
from tests.listening.sound import clip_16k


def share_of_speech(vad: Vad, pcm: bytes) -> float:
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
    whole = [frame for frame in frames if len(frame) == FRAME_BYTES]
    return sum(map(vad, whole)) / len(whole)


def test_a_clip_is_mostly_speech() -> None:
    assert share_of_speech(webrtc_vad(), clip_16k("mallory-jazz.opus")) > 0.5


def test_silence_and_faint_hum_are_no_speech() -> None:
    hum = 60 * np.sin(np.arange(32_000) * 2 * np.pi * 100 / 16_000)
    assert share_of_speech(webrtc_vad(), bytes(32_000)) == 0
    assert share_of_speech(webrtc_vad(), hum.astype(np.int16).tobytes()) == 0


@pytest.mark.parametrize(("gate_dbfs", "heard"), [(-50.0, True), (0.0, False)])
def test_nothing_below_the_gate_is_speech(gate_dbfs: float, heard: bool) -> None:
    share = share_of_speech(webrtc_vad(gate_dbfs=gate_dbfs), clip_16k("mallory-jazz.opus"))
    assert (share > 0) is heard


def test_two_tracks_share_no_memory() -> None:
    clip = clip_16k("mallory-jazz.opus")
    alone = share_of_speech(webrtc_vad(), clip)
    first, second = webrtc_vad(), webrtc_vad()
    share_of_speech(first, clip)
    assert share_of_speech(second, clip) == alone
