"""The door to libopus: packets to 16 kHz mono samples, with concealment of lost packets.

PyAV's decoder always returns 48 kHz, so this module calls libopus itself, from PyAV's wheel or the
system (RFC 6716; https://opus-codec.org/docs/opus_api-1.5/).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
from pathlib import Path

from asr.speech import SAMPLE_RATE
from service.errors import ConfigurationError

MAX_PACKET_MS = 120
_MAX_SAMPLES = SAMPLE_RATE * MAX_PACKET_MS // 1000
_VOIP = 2048
_ANY_NUMBER = 3
"""The packet code for any number of frames (RFC 6716, 3.2.5)."""
_LONGEST_PACKET = 1276


class BadPacket(Exception):
    """Not an Opus packet."""


class OpusDecoder:
    """Decoder of one track, about 18 KiB. Returns int16 mono bytes at 16 kHz.

    Raises:
        ConfigurationError: libopus is not on this machine.
    """

    def __init__(self) -> None:
        self._library = _libopus()
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(
            self._library.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        )
        if error.value != 0 or not self._state:
            raise MemoryError("libopus could not make a decoder")
        self._buffer = ctypes.create_string_buffer(_MAX_SAMPLES * 2)

    def decode(self, payload: bytes) -> bytes:
        """Return the packet's sound.

        Raises:
            BadPacket: libopus cannot read it.
        """
        return self._run(payload, len(payload), _MAX_SAMPLES, fec=False)

    def recover(self, payload: bytes, samples: int) -> bytes:
        """Return the sound of the packet lost just before this one, from its in-band FEC copy."""
        return self._run(payload, len(payload), samples, fec=True)

    def conceal(self, samples: int) -> bytes:
        """Return a guess at lost sound (PLC).

        Args:
            samples: Length of the guess, a multiple of 2.5 ms.
        """
        return self._run(None, 0, samples, fec=False)

    def _run(self, payload: bytes | None, length: int, samples: int, *, fec: bool) -> bytes:
        count = self._library.opus_decode(
            self._state, payload, length, self._buffer, samples, int(fec)
        )
        if count < 0:
            raise BadPacket(f"libopus error {count}")
        return ctypes.string_at(self._buffer, count * 2)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._library.opus_decoder_destroy(state)


class OpusEncoder:
    """Encoder of int16 samples at 48 kHz, for sound that arrives as PCM.

    Raises:
        ConfigurationError: libopus is not on this machine.
    """

    def __init__(self, *, channels: int) -> None:
        self._library = _libopus()
        self._channels = channels
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(
            self._library.opus_encoder_create(48_000, channels, _VOIP, ctypes.byref(error))
        )
        if error.value != 0 or not self._state:
            raise MemoryError("libopus could not make an encoder")
        self._buffer = ctypes.create_string_buffer(_LONGEST_PACKET)

    def encode(self, pcm: bytes) -> bytes:
        """Return a packet of these samples, which interleave the channels.

        Raises:
            BadPacket: The samples are not 2.5, 5, 10, 20, 40 or 60 ms.
        """
        samples = len(pcm) // (2 * self._channels)
        count = self._library.opus_encode(self._state, pcm, samples, self._buffer, _LONGEST_PACKET)
        if count < 0:
            raise BadPacket(f"libopus error {count}")
        return ctypes.string_at(self._buffer, count)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._library.opus_encoder_destroy(state)


def packet_samples(payload: bytes) -> int:
    """Return the number of samples at 16 kHz in a packet.

    Raises:
        BadPacket: Its header is invalid.
    """
    # The first byte holds the frames' length and, except for code 3, their number.
    code = payload[0] & 0x03 if payload else 0
    return _samples(payload[:2] if code == _ANY_NUMBER else payload[:1])


@functools.lru_cache(maxsize=256)
def _samples(head: bytes) -> int:
    count: int = _libopus().opus_packet_get_nb_samples(head, len(head), SAMPLE_RATE)
    if not 0 < count <= _MAX_SAMPLES:
        raise BadPacket(f"libopus error {count}")
    return count


@functools.cache
def _libopus() -> ctypes.CDLL:
    for candidate in [*_in_pyav(), ctypes.util.find_library("opus"), "libopus.so.0"]:
        if candidate is None:
            continue
        try:
            library = ctypes.CDLL(str(candidate))
        except OSError:
            continue
        return _declare(library)
    raise ConfigurationError(
        "libopus was not found, neither in PyAV's wheel nor on the system: "
        "install it (Debian: apt-get install libopus0)"
    )


def _in_pyav() -> list[Path]:
    spec = importlib.util.find_spec("av")
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.parent.glob("av.libs/libopus*"))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.opus_decoder_create.restype = ctypes.c_void_p
    library.opus_decoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_void_p]
    library.opus_decode.restype = ctypes.c_int
    library.opus_decode.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int32,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int,
    ]
    library.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_encoder_create.argtypes = [
        ctypes.c_int32,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_void_p,
    ]
    library.opus_encode.restype = ctypes.c_int32
    library.opus_encode.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int32,
    ]
    library.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
    library.opus_packet_get_nb_samples.restype = ctypes.c_int
    library.opus_packet_get_nb_samples.argtypes = [ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]
    return library
