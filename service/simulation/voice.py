"""Encoding of clips into the Opus packets of a microphone. The simulation's only `av` import.

libopus adds in-band FEC (`fec`; `packet_loss` makes it expect losses). FFmpeg 8.1's libopus wrapper
has no option for DTX, so that silence stays 21 bytes a packet. So silence is withheld here, in the
rhythm of libopus: after 200 ms of silence one packet every 400 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from service.simulation.failed import SimulationFailed

SAMPLE_RATE = 48_000
"""Sample rate of all sound here, and of RTP timestamps of Opus (RFC 7587)."""
FRAME = 960
"""Samples in a packet: 20 ms."""

Pcm = NDArray[np.int16]
"""Mono samples at `SAMPLE_RATE`."""

_BIT_RATE = 32_000
_SILENT_PEAK = 33  # -60 dBFS
_AUDIBLE_PEAK = 104  # -50 dBFS
_HANGOVER_FRAMES = 10
_REFRESH_FRAMES = 20


@dataclass(frozen=True, slots=True)
class VoicePacket:
    """One Opus packet.

    Attributes:
        pts: Samples from the start of the voice, including silence.
    """

    pts: int
    payload: bytes


class Microphone:
    """Encodes one voice, frame by frame, with DTX."""

    def __init__(self) -> None:
        self._encoder = _encoder({"fec": "1", "packet_loss": "10"})
        self._position = 0
        self._silent_frames = 0

    def push(self, frame: Pcm) -> VoicePacket | None:
        """Encode the next `FRAME` samples; None where no packet is sent for them."""
        position = self._position
        self._position += FRAME
        if int(np.abs(frame).max(initial=0)) > _SILENT_PEAK:
            self._silent_frames = 0
        else:
            self._silent_frames += 1
        if self._withheld():
            return None
        [packet] = self._encoder.encode(_audio_frame(frame, SAMPLE_RATE))
        return VoicePacket(position, bytes(packet))

    def _withheld(self) -> bool:
        beyond = self._silent_frames - _HANGOVER_FRAMES
        return beyond > 0 and beyond % _REFRESH_FRAMES != 0


def read_clip(path: Path) -> Pcm:
    """Read an audio file and mix it to mono."""
    try:
        with av.open(str(path)) as container:
            frames = list(container.decode(audio=0))
    except (OSError, ValueError, IndexError, av.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SimulationFailed(
            f"{path} is not a readable audio file ({reason}); give one that FFmpeg can decode, "
            "such as Ogg Opus or WAV"
        ) from error
    return _resampled(frames, SAMPLE_RATE)


def write_clip(path: Path, pcm: Pcm) -> None:
    """Write Ogg Opus: mono, 20 ms packets, about 32 kbit/s."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE)
        stream.layout = "mono"
        stream.bit_rate = _BIT_RATE
        stream.codec_context.options = {"application": "voip", "frame_duration": "20"}
        for frame in _frames(pcm):
            container.mux(stream.encode(_audio_frame(frame, SAMPLE_RATE)))
        container.mux(stream.encode(None))


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """Convert mono samples to another rate."""
    return _resampled([_audio_frame(pcm, from_hz)], to_hz)


def decode_packets(packets: Iterable[VoicePacket], samples: int) -> Pcm:
    """Decode a voice: `samples` long, with zeros where no packet was sent."""
    decoder = av.CodecContext.create("libopus", "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    decoded = np.zeros(samples + FRAME, np.int16)
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet.payload)):
            sound = _resampled([frame], SAMPLE_RATE)[: max(0, len(decoded) - packet.pts)]
            decoded[packet.pts : packet.pts + len(sound)] = sound
    return decoded[:samples]


def audible_range(pcm: Pcm) -> tuple[int, int]:
    """Return the half-open range of samples from the first to the last audible 20 ms."""
    peaks = [int(np.abs(frame).max()) for frame in _frames(pcm)]
    loud = [number for number, peak in enumerate(peaks) if peak > _AUDIBLE_PEAK]
    return (loud[0] * FRAME, min((loud[-1] + 1) * FRAME, len(pcm))) if loud else (0, 0)


def av_packet(packet: VoicePacket) -> av.Packet[Any]:
    """Convert a packet to the form in which aiortc sends encoded packets."""
    sent = av.Packet(packet.payload)
    sent.pts = packet.pts
    sent.time_base = Fraction(1, SAMPLE_RATE)
    return sent


def _encoder(extra: dict[str, str]) -> AudioCodecContext:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "s16"
    encoder.bit_rate = _BIT_RATE
    encoder.options = {"application": "voip", "frame_duration": "20", **extra}
    return encoder


def _audio_frame(pcm: Pcm, rate_hz: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm)[None], "s16", "mono")
    frame.sample_rate = rate_hz
    return frame


def _resampled(frames: list[av.AudioFrame], rate_hz: int) -> Pcm:
    resampler = av.AudioResampler("s16", "mono", rate_hz)
    made = [made for frame in [*frames, None] for made in resampler.resample(frame)]
    sound = [frame.to_ndarray().reshape(-1) for frame in made]
    return np.concatenate([np.zeros(0, np.int16), *sound])


def _frames(pcm: Pcm) -> list[Pcm]:
    """Split into whole frames; zeros fill the last one."""
    filled = np.pad(pcm, (0, -len(pcm) % FRAME))
    return [filled[at : at + FRAME] for at in range(0, len(filled), FRAME)]
