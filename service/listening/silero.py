"""Silero's detector for the tracks of a server."""

from __future__ import annotations

from asr import silero as detector
from asr.models import ModelUnavailable
from asr.silero import Silero
from service.errors import ConfigurationError


def silero() -> Silero:
    """Return the one of this process.

    Raises:
        ConfigurationError: its model is not where faster-whisper keeps it.
    """
    try:
        return detector.load_silero()
    except ModelUnavailable as error:
        raise ConfigurationError(str(error)) from error
