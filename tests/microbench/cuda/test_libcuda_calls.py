"""The driver's C functions get their arguments as C has them: 64-bit handles whole, results where they belong."""

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microbench.measure import libcuda
from microbench.measure.gpu import find_gpu, pci_bus_id
from microbench.measure.libcuda import CudaError, call
from microbench.runtimes.cuda.graph import Graph

SOURCE = Path(__file__).parents[2] / "fakes" / "libcuda.c"
STREAM = 0x1234567890AB


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(path), str(SOURCE)], check=True)
    return path


@pytest.fixture
def driver(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(libcuda, "_LIBRARY", str(built))
    libcuda.library.cache_clear()
    yield libcuda.library()
    libcuda.library.cache_clear()


@pytest.mark.usefixtures("driver")
def test_a_device_is_described() -> None:
    gpu = find_gpu()
    assert gpu is not None
    assert (gpu.name, gpu.compute_capability, gpu.memory_bytes) == ("Stand-in", "9.0", 141 << 30)
    assert (gpu.multiprocessors, gpu.l2_bytes) == (16_000, 38_000)
    assert pci_bus_id() == "0000:1B:00.7"


def test_a_graph_is_captured_launched_and_freed(driver: Any) -> None:
    enqueued: list[int] = []
    launched, destroyed = driver.count_launched(), driver.count_destroyed()
    graph = Graph(STREAM, lambda: enqueued.append(1))
    assert enqueued == [1]
    graph.launch()
    graph.launch()
    assert driver.count_launched() - launched == 2
    del graph
    assert driver.count_destroyed() - destroyed == 1


def test_what_fails_while_it_is_captured_ends_the_capture(driver: Any) -> None:
    def fail() -> None:
        raise ValueError("dynamic shapes")

    destroyed = driver.count_destroyed()
    with pytest.raises(RuntimeError, match="cannot be captured as a CUDA graph: dynamic shapes"):
        Graph(STREAM, fail)
    assert driver.count_destroyed() == destroyed


@pytest.mark.usefixtures("driver")
def test_an_error_is_told_by_its_name() -> None:
    with pytest.raises(CudaError, match=r"^cuInit failed: CUDA_ERROR_INVALID_VALUE$"):
        call("cuInit", ctypes.c_uint(1))


def test_an_error_without_a_name_is_told_by_its_number(driver: Any) -> None:
    assert driver is libcuda.library()
    assert libcuda._error_name(12345) == "error 12345"


def test_no_driver_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcuda, "_LIBRARY", "libcuda-of-nowhere.so.1")
    libcuda.library.cache_clear()
    with pytest.raises(CudaError, match=r"^no NVIDIA driver is installed \(libcuda-of-nowhere.so.1 is not found\)$"):
        libcuda.library()
    assert find_gpu() is None
    libcuda.library.cache_clear()
