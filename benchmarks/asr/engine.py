"""One model on one device, used as the product uses it: features to tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from asr.shapes import Shape
from service.errors import Failed

try:
    from faster_whisper.feature_extractor import FeatureExtractor
except ImportError:  # a GPU machine that has the model's library alone
    FeatureExtractor = None

Features = NDArray[np.float32]
FRAMES_A_SECOND = 100


class OutOfMemory(Exception):
    """The batch does not fit the device."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Device and settings of a model.

    Attributes:
        threads: CPU threads for one batch.
        lanes: Batches decoded at the same time, each from its own thread.
    """

    device: str
    compute_type: str
    threads: int
    beam_size: int
    lanes: int = 1


class Engine:
    """A loaded model. As many threads as it has lanes may use it at once.

    Raises:
        Failed: CUDA or one of its libraries is missing. The text has the remedy.
    """

    def __init__(self, shape: Shape, directory: Path, placement: Placement) -> None:
        refuse_missing(placement.device)
        self._shape = shape
        self._beam_size = placement.beam_size
        self.lanes = placement.lanes
        try:
            self._model = ctranslate2.models.Whisper(
                str(directory),
                device=placement.device,
                compute_type=placement.compute_type,
                intra_threads=placement.threads,
                inter_threads=placement.lanes,
            )
        except (RuntimeError, ValueError) as error:
            raise failure(error) from error

    @property
    def compute_type(self) -> str:
        return str(self._model.compute_type)

    def run(self, features: Features) -> list[int]:
        """Encode and decode a batch, (batch, mels, frames); return the tokens that each got.

        Raises:
            OutOfMemory: The batch is too large for the device.
            Failed: The device refuses the batch.
        """
        try:
            encoded = self._model.encode(ctranslate2.StorageView.from_array(features))
            results = self._model.generate(
                encoded,
                [self._shape.prompt] * len(features),
                beam_size=self._beam_size,
                return_scores=True,
                return_no_speech_prob=True,
            )
        except RuntimeError as error:
            raise failure(error) from error
        return [len(result.sequences_ids[0]) for result in results]

    def encode(self, features: Features) -> None:
        """Encode a batch and wait for the end: the result is copied to the host.

        Raises:
            OutOfMemory: The batch is too large for the device.
            Failed: The device refuses the batch.
        """
        try:
            self._model.encode(ctranslate2.StorageView.from_array(features), to_cpu=True)
        except RuntimeError as error:
            raise failure(error) from error


def refuse_missing(device: str) -> None:
    """Refuse a device that this machine does not have.

    Raises:
        Failed: The device is missing.
    """
    if device == "cuda" and cuda_devices() == 0:
        raise Failed(
            "no CUDA device answers here: is there an NVIDIA GPU with its driver (nvidia-smi), "
            "and is CUDA_VISIBLE_DEVICES right? Else measure with --device cpu"
        )


def cuda_devices() -> int:
    return int(ctranslate2.get_cuda_device_count())


def failure(error: Exception) -> OutOfMemory | Failed:
    """Return an exception with the remedy for a device's error."""
    said = str(error)
    if "out of memory" in said.lower() or "bad allocation" in said.lower():
        return OutOfMemory(said)
    if "libcublas" in said or "libcudnn" in said:
        return Failed(
            f"{said}; pip install nvidia-cublas-cu12 and put its lib folder on LD_LIBRARY_PATH. "
            "Where only CUDA 13 is installed, a link libcublas.so.12 to its libcublas.so.13 on "
            "LD_LIBRARY_PATH serves for float16"
        )
    return Failed(f"the device refused: {said}; try another --compute-type or --device")


def has_features() -> bool:
    """Whether log-mel features can be computed here."""
    return FeatureExtractor is not None


def feature_maker(shape: Shape, frames: int) -> Callable[[Features], Features]:
    """Return a function from samples at 16 kHz to a window of features.

    Without faster-whisper the function returns the same window for all samples.
    """
    if FeatureExtractor is None:
        window = random_windows(shape, 1, frames)[0]
        return lambda samples: window
    extract = FeatureExtractor(feature_size=shape.mels)

    def features(samples: Features) -> Features:
        mel = extract(samples)[:, :frames]
        window = np.zeros((shape.mels, frames), np.float32)
        window[:, : mel.shape[1]] = mel
        return window

    return features


def random_windows(shape: Shape, count: int, frames: int) -> Features:
    """Return windows of random features, (count, mels, frames)."""
    random = np.random.default_rng(0)
    size = (count, shape.mels, frames)
    return random.standard_normal(size, dtype=np.float32) * np.float32(0.5)
