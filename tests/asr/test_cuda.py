from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.cuda import (
    CUBLAS,
    CudaFinders,
    CudaUnavailable,
    Placement,
    out_of_memory,
    prepare_cuda,
    suggest_remedy,
)


class Machine:
    """A machine with some libraries installed. It records what is loaded."""

    def __init__(self, *present: str, devices: int = 1, wheel: Path | None = None) -> None:
        self.present = set(present)
        self.devices = devices
        self.wheel = wheel
        self.loaded: list[str] = []
        self.environment: dict[str, str] = {"XDG_CACHE_HOME": "/caches"}

    def prepare(
        self, device: str = "auto", compute_type: str = "auto", cache_dir: Path | None = None
    ) -> Placement:
        return prepare_cuda(
            device,
            compute_type,
            count_devices=self.count,
            cache_dir=cache_dir,
            finders=CudaFinders(self.open, self.folders, self.environment),
        )

    def count(self) -> int:
        assert "CUDA_CACHE_PATH" in self.environment, "asked before the cache was settled"
        if self.devices < 0:
            raise RuntimeError("a driver in ruins")
        return self.devices

    def open(self, name: str) -> None:
        if name not in self.present:
            raise OSError(f"{name}: cannot open shared object file")
        self.loaded.append(name)

    def folders(self) -> Iterator[Path]:
        if self.wheel is not None:
            yield self.wheel


def test_auto_chooses_the_gpu_where_everything_is_installed() -> None:
    assert Machine(CUBLAS).prepare() == Placement("cuda", 0, "float16")


@pytest.mark.parametrize("devices", [0, -1, 2])
def test_auto_chooses_the_cpu_where_something_is_missing(devices: int) -> None:
    machine = Machine(devices=devices)
    assert machine.prepare() == Placement("cpu", 0, "int8")


def test_a_gpu_has_its_number_and_a_compute_type_of_choice() -> None:
    machine = Machine(CUBLAS, devices=2)
    assert machine.prepare("cuda:1", "int8_float16") == Placement("cuda", 1, "int8_float16")


def test_the_cpu_needs_no_library() -> None:
    machine = Machine(devices=-1)
    assert machine.prepare("cpu") == Placement("cpu", 0, "int8")
    assert machine.loaded == []
    assert "CUDA_CACHE_PATH" not in machine.environment


@pytest.mark.parametrize(
    ("machine", "device", "says"),
    [
        (Machine(devices=0), "cuda", "no CUDA device answers.*nvidia-smi.*--gpus all"),
        (Machine(devices=-1), "cuda", "no CUDA device answers"),
        (Machine(CUBLAS, devices=1), "cuda:1", "no cuda:1, only cuda:0;"),
        (Machine(CUBLAS, devices=4), "cuda:7", "no cuda:7, only cuda:0 to cuda:3"),
        (Machine(devices=1), "cuda", "libcublas.so.12 is not there.*requirements-cuda.lock"),
        (Machine(), "cuda:x", "'cuda:x' is no device"),
        (Machine(), "gpu", "'gpu' is no device"),
    ],
)
def test_a_missing_cuda_that_was_asked_for_is_an_error_with_a_remedy(
    machine: Machine, device: str, says: str
) -> None:
    with pytest.raises(CudaUnavailable, match=says):
        machine.prepare(device)


def test_the_wheels_library_is_loaded_where_the_system_has_none(tmp_path: Path) -> None:
    (tmp_path / CUBLAS).touch()
    paths = [str(tmp_path / "libcublasLt.so.12"), str(tmp_path / CUBLAS)]
    machine = Machine(*paths, wheel=tmp_path)
    assert machine.prepare("cuda").device == "cuda"
    assert machine.loaded == paths


def test_a_broken_wheel_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / CUBLAS).touch()
    with pytest.raises(CudaUnavailable, match="is not there"):
        Machine(wheel=tmp_path).prepare("cuda")


def test_compiled_kernels_are_cached_with_the_models_or_in_the_folder_set() -> None:
    machine = Machine(CUBLAS)
    machine.prepare()
    assert machine.environment["CUDA_CACHE_PATH"] == "/caches/earshot/cuda-cache"
    other = Machine(CUBLAS)
    other.prepare(cache_dir=Path("/models"))
    assert other.environment["CUDA_CACHE_PATH"] == "/models/cuda-cache"
    machine = Machine(CUBLAS)
    machine.environment["CUDA_CACHE_PATH"] = "/mine"
    machine.prepare(cache_dir=Path("/models"))
    assert machine.environment["CUDA_CACHE_PATH"] == "/mine"


def test_out_of_memory_is_found_in_the_chain_of_causes() -> None:
    error = ValueError("the model refused 3 utterances")
    assert not out_of_memory(error)
    error.__cause__ = RuntimeError("CUDA failed with error out of memory")
    assert out_of_memory(error)
    assert "smaller EARSHOT_ASR_MODEL" in suggest_remedy(error)
