"""The door to PyAV: samples of a sound file, as a track would give them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from asr.speech import SAMPLE_RATE
from service.errors import Failed


def read_sound(path: Path) -> Iterator[bytes]:
    """Yield the samples of the file's first audio stream in pieces: int16 mono at 16 kHz.

    Raises:
        Failed: The file is missing or damaged, or holds no sound.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise Failed(f"{path} has no sound in it; give an audio file")
            resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(audio=0):
                yield from _samples(resampler, frame)
            yield from _samples(resampler, None)
    except FileNotFoundError as error:
        raise Failed(f"{path} does not exist") from error
    except (av.error.FFmpegError, OSError) as error:
        raise Failed(
            f"{path} cannot be read as sound ({error.strerror or type(error).__name__}); "
            "give a WAV, FLAC, Ogg, MP3 or similar file"
        ) from error


def _samples(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[bytes]:
    for piece in resampler.resample(frame):
        yield piece.to_ndarray().tobytes()
