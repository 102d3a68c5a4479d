"""CUDA found and reported at the start: devices, compute type, libraries, and what to do."""

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
"""What CTranslate2 opens by name at its first use on a GPU."""
_DEVICE = re.compile(r"auto|cpu|cuda(?::(\d{1,2}))?")
_INSTALL = (
    "install it with `pip install --require-hashes -r requirements-cuda.lock` (or "
    "`pip install nvidia-cublas-cu12`), or use EARSHOT_ASR_DEVICE=cpu"
)


class CudaUnavailable(ModelUnavailable):
    """Its text is one sentence for a person, with the remedy."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a model runs.

    Attributes:
        device: `cpu` or `cuda`, as CTranslate2 names it.
        index: Number of the GPU; 0 on a CPU.
    """

    device: str
    index: int
    compute_type: str


def _open(path: str) -> None:
    ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)


def _wheels() -> Iterator[Path]:
    """The folders of NVIDIA's wheels' libraries, where they are installed."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        yield from sorted(Path(folder).glob("*/lib"))


@dataclass(frozen=True, slots=True)
class Finders:
    """How CUDA is looked for: replaced where there is none.

    Attributes:
        open_library: Loads a library by name or path; raises OSError.
        library_folders: Where wheels keep theirs.
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
    finders: Finders | None = None,
) -> Place:
    """`auto` made concrete, the libraries loaded, compiled kernels kept from run to run.

    Call it before a model is loaded; `count_devices` is called after the cache is settled.

    Args:
        device: `auto`, `cpu`, `cuda`, or `cuda:1` for the second GPU: one process a GPU.
        compute_type: As CTranslate2 names it, or `auto`.
        count_devices: CUDA devices that answer; 0 without a driver.
        cache_dir: Folder of fetched models, beside which compiled kernels are kept.

    Raises:
        CudaUnavailable: CUDA was asked for and cannot be used.
    """
    finders = finders or Finders()
    named, index = parse_device(device)
    if named != "cpu":
        _keep_kernels(finders.environment, cache_dir)
        found = _devices(count_devices)
        why = _why_not(named, index, found, finders)
        if why and named == "cuda":
            raise CudaUnavailable(why)
        if why and found:
            log.warning("asr.cuda_unused", reason=why)
        named = "cpu" if why else "cuda"
    if compute_type == "auto":
        compute_type = "float16" if named == "cuda" else "int8"
    return Place(named, index, compute_type)


def parse_device(device: str) -> tuple[str, int]:
    """`cuda:1` is `cuda` and 1.

    Raises:
        CudaUnavailable: it is no device's name.
    """
    match = _DEVICE.fullmatch(device)
    if match is None:
        raise CudaUnavailable(f"{device!r} is no device; use auto, cpu, cuda or cuda:1")
    return device.partition(":")[0], int(match[1] or 0)


def out_of_memory(error: BaseException) -> bool:
    """CUDA or the host had too little memory, somewhere down the chain of causes."""
    at: BaseException | None = error
    for _ in range(10):
        if at is None:
            return False
        if isinstance(at, MemoryError) or "out of memory" in str(at).lower():
            return True
        at = at.__cause__  # not its context: that may be another batch's failure
    return False


def remedy(error: BaseException) -> str:
    """What to do about a model that does not load, as the end of a sentence."""
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
    except Exception:  # noqa: BLE001 - a broken driver raises what it likes
        return 0


def _why_not(named: str, index: int, found: int, finders: Finders) -> str:
    """Why a GPU cannot be used; empty: it can."""
    if not found:
        return (
            "no CUDA device answers: is the NVIDIA driver loaded (`nvidia-smi`), is one given to "
            "this container (`--gpus all`), and does CUDA_VISIBLE_DEVICES allow it? Or use "
            "EARSHOT_ASR_DEVICE=cpu"
        )
    if index >= found:
        return (
            f"there is no cuda:{index}, only {_these(found)}; choose one of them in "
            "EARSHOT_ASR_DEVICE"
        )
    if not _load_cublas(finders):
        return f"{CUBLAS} is not there, without which the GPU cannot be used: {_INSTALL}"
    return ""


def _these(found: int) -> str:
    return "cuda:0" if found == 1 else f"cuda:0 to cuda:{found - 1}"


def _load_cublas(finders: Finders) -> bool:
    """The system's, or the wheel's: once loaded for all, CTranslate2 finds it by its name."""
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
            # cuBLAS opens its other half by name, which only the same folder has.
            finders.open_library(str(folder / "libcublasLt.so.12"))
            finders.open_library(str(library))
        except OSError as error:
            log.warning("asr.cuda_library_broken", library=str(library), error=str(error))
        else:
            return True
    return False


def _keep_kernels(environment: MutableMapping[str, str], cache_dir: Path | None) -> None:
    """A new GPU's kernels are compiled at the first start, for minutes, and not at each."""
    if not environment.get("CUDA_CACHE_PATH"):
        environment["CUDA_CACHE_PATH"] = str(_cache(environment, cache_dir) / "cuda-cache")
        environment.setdefault("CUDA_CACHE_MAXSIZE", str(4 << 30))


def _cache(environment: Mapping[str, str], cache_dir: Path | None) -> Path:
    if cache_dir is not None:
        return cache_dir
    home = environment.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "earshot"
