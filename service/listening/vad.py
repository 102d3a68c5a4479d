"""The door to webrtcvad: voice activity detection, frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import webrtcvad

from asr.speech import SAMPLE_RATE
from service.listening.levels import dbfs

FRAME_MS = 20
FRAME_BYTES = SAMPLE_RATE * FRAME_MS // 1000 * 2

Vad = Callable[[bytes], bool]
"""Detector for one track. Takes its frames in order, `FRAME_BYTES` each; may remember them."""


def webrtc_vad(*, aggressiveness: int = 3, gate_dbfs: float = -50.0) -> Vad:
    """Return webrtcvad behind a level gate: alone it takes steady noise for speech.

    Args:
        aggressiveness: 0 to 3, webrtcvad's own scale; 3 rejects most.
        gate_dbfs: Frames quieter than this are never speech.
    """
    detector = webrtcvad.Vad(aggressiveness)

    def is_speech(frame: bytes) -> bool:
        # Every frame goes through the detector: it adapts to the background by hearing it.
        voiced: bool = detector.is_speech(frame, SAMPLE_RATE)
        return voiced and dbfs(frame) >= gate_dbfs

    return is_speech
