"""Finding, fetching and loading a model."""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from faster_whisper import WhisperModel, available_models, download_model

from asr.cuda import suggest_remedy
from asr.decoding import Decoder
from asr.models import MICRO, ModelUnavailable, check_directory, micro_directory
from asr.parallelism import choose_device, lanes, threads
from asr.settings import AsrSettings
from asr.whisper import WhisperTranscriber

log = structlog.get_logger()


def load_whisper(settings: AsrSettings) -> WhisperTranscriber:
    """Load the model and decode one second of silence, so that the first words do not wait.

    Raises:
        ModelUnavailable: Says in one sentence why, and what to do.
    """
    path, name = _locate_model(settings)
    place = choose_device(settings.device, settings.compute_type, settings.cache_dir)
    log.info("asr.device", device=place.device, index=place.index, compute_type=place.compute_type)
    try:
        model = WhisperModel(
            str(path),
            device=place.device,
            device_index=place.index,
            compute_type=place.compute_type,
            cpu_threads=threads(settings),
            num_workers=lanes(settings),
        )
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelUnavailable(
            f"the model in {path} does not load on {place.device} as {place.compute_type}: "
            f"{error}; are its files whole? If so, {suggest_remedy(error)}"
        ) from error
    transcriber = WhisperTranscriber(Decoder(model), name, settings)
    transcriber.warm_up()
    transcriber.admit_short_windows(path)
    return transcriber


def model_names() -> list[str]:
    """Return the names of the demo model and of those that faster-whisper can fetch."""
    return [MICRO, *available_models()]


def fetch_model(name: str, cache_dir: Path | None) -> Path:
    """Return a named model's directory: from the cache, else from the hub.

    Raises:
        ModelUnavailable: The name is unknown, or the model is neither cached nor reachable.
    """
    cache = str(cache_dir) if cache_dir else None
    try:
        return Path(download_model(name, local_files_only=True, cache_dir=cache))
    except (OSError, RuntimeError, ValueError):
        pass  # not cached, or not a name: the hub knows which
    try:
        return Path(download_model(name, cache_dir=cache))
    except ValueError as error:
        raise ModelUnavailable(
            f"no model is called {name!r}; `earshot models list` shows the names, "
            "or give a converted model's directory"
        ) from error
    except (OSError, RuntimeError) as error:
        raise ModelUnavailable(
            f"the model {name!r} is not cached and the model hub cannot be reached "
            f"({type(error).__name__}); fetch it on a connected machine with "
            f"`earshot models pull {name}` and copy it here, give a directory in "
            "EARSHOT_ASR_MODEL, or use EARSHOT_ASR_MODEL=micro for the demo"
        ) from error


def _locate_model(settings: AsrSettings) -> tuple[Path, str]:
    """Return the model's directory and name."""
    if settings.model == MICRO:
        return micro_directory(), MICRO
    path = Path(settings.model).expanduser()
    if path.exists() or os.sep in settings.model and settings.model[0] in "/.~":
        check_directory(path)
        return path, path.name
    return fetch_model(settings.model, settings.cache_dir), settings.model
