"""Silero's detector for the tracks of a server."""

from __future__ import annotations

from asr import silero as detector
from asr.models import ModelUnavailable
from asr.silero import Silero
from service.errors import ConfigurationError


def load_silero() -> Silero:
    """Return the process's only instance.

    Raises:
        ConfigurationError: The model is not where faster-whisper keeps it.
    """
    try:
        return detector.load_silero()
    except ModelUnavailable as error:
        raise ConfigurationError(str(error)) from error
