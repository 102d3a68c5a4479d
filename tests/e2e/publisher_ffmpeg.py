"""FFmpeg's WHIP muxer: `python -m tests.e2e.publisher_ffmpeg ENDPOINT TOKEN WAV FOLDER`.

Plays the WAV file twice; needs `cert.pem` and `key.pem` of a P-256 key in the folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

RATE = 48_000
FRAME = 960


def publish(endpoint: str, token: str, wav: str, folder: str) -> None:
    options = {
        "authorization": token,
        "cert_file": str(Path(folder) / "cert.pem"),
        "key_file": str(Path(folder) / "key.pem"),
    }
    with av.open(endpoint, "w", format="whip", options=options) as room:
        stream = room.add_stream("libopus", rate=RATE)
        stream.layout = "stereo"
        began_s = time.monotonic()
        for number, frame in enumerate(_frames(wav, times=2)):
            time.sleep(max(0.0, began_s + number * FRAME / RATE - time.monotonic()))
            frame.pts = number * FRAME
            room.mux(stream.encode(frame))


def _frames(wav: str, times: int) -> list[AudioFrame]:
    frames: list[AudioFrame] = []
    for _ in range(times):
        resampler = AudioResampler(format="s16", layout="stereo", rate=RATE, frame_size=FRAME)
        with av.open(wav) as file:
            for frame in file.decode(audio=0):
                frames += resampler.resample(frame)
    return frames


if __name__ == "__main__":
    publish(*sys.argv[1:])
