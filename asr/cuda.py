"""Search for CUDA at the start: devices, compute type and libraries, with remedies."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from asr.models import ModelUnavailable

log = structlog.get_logger()

CUBLAS = "libcublas.so.12"
"""Library that CTranslate2 opens by name at its first use of a GPU."""
_DEVICE = re.compile(r"auto|cpu|cuda(?::(\d{1,2}))?")
_INSTALL = (
    "install it with `pip install --require-hashes -r requirements-cuda.lock` (or "
    "`pip install nvidia-cublas-cu12`), or use EARSHOT_ASR_DEVICE=cpu"
)


class CudaUnavailable(ModelUnavailable):
    """CUDA was asked for and cannot be used. The text is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Device and compute type of a model.

    Attributes:
        device: `cpu` or `cuda`, in CTranslate2's terms.
        index: Number of the GPU; 0 on a CPU.
    """

    device: str
    index: int
    compute_type: str


def _open(path: str) -> None:
    ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)


def _wheels() -> Iterator[Path]:
    """Yield the library folders of NVIDIA's wheels, where these are installed."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        yield from sorted(Path(folder).glob("*/lib"))


@dataclass(frozen=True, slots=True)
class CudaFinders:
    """Access to libraries and environment. Tests replace it on machines without CUDA.

    Attributes:
        open_library: Loads a library by name or path; raises OSError.
        library_folders: Yields the library folders of wheels.
    """

    open_library: Callable[[str], None] = _open
    library_folders: Callable[[], Iterator[Path]] = _wheels
    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ)


def prepare_cuda(
    device: str,
    compute_type: str,
    *,
    count_devices: Callable[[], int],
    cache_dir: Path | None = None,
    finders: CudaFinders | None = None,
) -> Placement:
    """Choose the device, load the libraries, and cache compiled kernels across runs.

    Call it before a model is loaded. `count_devices` is called once the kernel cache is set.

    Args:
        device: `auto`, `cpu`, `cuda`, or `cuda:1` for the second GPU. A process uses one GPU.
        compute_type: Type in CTranslate2's terms, or `auto`.
        count_devices: Returns the number of CUDA devices that answer; 0 without a driver.
        cache_dir: Folder of fetched models. Compiled kernels are kept in it.

    Raises:
        CudaUnavailable: CUDA was asked for and cannot be used.
    """
    finders = finders or CudaFinders()
    named, index = parse_device(device)
    if named != "cpu":
        _keep_kernels(finders.environment, cache_dir)
        found = _devices(count_devices)
        why = _reason_against(named, index, found, finders)
        if why and named == "cuda":
            raise CudaUnavailable(why)
        if why and found:
            log.warning("asr.cuda_unused", reason=why)
        named = "cpu" if why else "cuda"
    if compute_type == "auto":
        compute_type = "float16" if named == "cuda" else "int8"
    return Placement(named, index, compute_type)


def parse_device(device: str) -> tuple[str, int]:
    """Return a device's name and number: `cuda` and 1 for `cuda:1`.

    Raises:
        CudaUnavailable: No device has this name.
    """
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise CudaUnavailable(f"{device!r} is no device; use auto, cpu, cuda or cuda:1")
    return device.partition(":")[0], int(match[1] or 0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one of its causes, is a lack of CUDA or host memory."""
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return False
        if isinstance(at, MemoryError) or "out of memory" in str(at).lower():
            return True
        at = at.__cause__  # not its context, which may be a failure of another batch
    return False


def suggest_remedy(error: BaseException) -> str:
    """Return a remedy for a model that does not load, as the end of a sentence."""
    if out_of_memory(error):
        return (
            "the device has too little memory for it: stop what else uses it, choose a smaller "
            "EARSHOT_ASR_MODEL or EARSHOT_ASR_COMPUTE_TYPE=int8_float16, or another device such "
            "as EARSHOT_ASR_DEVICE=cuda:1"
        )
    text = str(error).lower()
    if "libcublas" in text or "libcudnn" in text:
        return f"a CUDA library is missing: {_INSTALL}"
    if "driver" in text and "insufficient" in text:
        return "the NVIDIA driver is too old for CUDA 12: update it, or use EARSHOT_ASR_DEVICE=cpu"
    return "try EARSHOT_ASR_DEVICE=cpu or another EARSHOT_ASR_COMPUTE_TYPE"


def _devices(count: Callable[[], int]) -> int:
    try:
        return count()
    except Exception:  # noqa: BLE001 - a broken driver may raise anything
        return 0


def _reason_against(named: str, index: int, found: int, finders: CudaFinders) -> str:
    """Return the reason for which a GPU cannot be used; empty: it can."""
    if not found:
        return (
            "no CUDA device answers: is the NVIDIA driver loaded (`nvidia-smi`), is one given to "
            "this container (`--gpus all`), and does CUDA_VISIBLE_DEVICES allow it? Or use "
            "EARSHOT_ASR_DEVICE=cpu"
        )
    if index >= found:
        return (
            f"there is no cuda:{index}, only {_device_range(found)}; choose one of them in "
            "EARSHOT_ASR_DEVICE"
        )
    if not _load_cublas(finders):
        return f"{CUBLAS} is not there, without which the GPU cannot be used: {_INSTALL}"
    return ""


def _device_range(found: int) -> str:
    return "cuda:0" if found == 1 else f"cuda:0 to cuda:{found - 1}"


def _load_cublas(finders: CudaFinders) -> bool:
    """Load the system's cuBLAS, else the wheel's, so that CTranslate2 finds it by its name."""
    try:
        finders.open_library(CUBLAS)
    except OSError:
        pass
    else:
        return True
    for folder in finders.library_folders():
        library = folder / CUBLAS
        if not library.is_file():
            continue
        try:
            # cuBLAS opens libcublasLt by name, which only the same folder has.
            finders.open_library(str(folder / "libcublasLt.so.12"))
            finders.open_library(str(library))
        except OSError as error:
            log.warning("asr.cuda_library_broken", library=str(library), error=str(error))
        else:
            return True
    return False


def _keep_kernels(environment: MutableMapping[str, str], cache_dir: Path | None) -> None:
    """Set a kernel cache: compiling the kernels of a new GPU takes minutes at the first start."""
    if not environment.get("CUDA_CACHE_PATH"):
        environment["CUDA_CACHE_PATH"] = str(_cache(environment, cache_dir) / "cuda-cache")
        environment.setdefault("CUDA_CACHE_MAXSIZE", str(4 << 30))


def _cache(environment: Mapping[str, str], cache_dir: Path | None) -> Path:
    if cache_dir is not None:
        return cache_dir
    home = environment.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "earshot"
