"""A machine with a simulated GPU: TensorRT, pycuda, the driver and NVML, none of which is installed."""

from __future__ import annotations

import dataclasses
import gc
import sys
import time
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from fake_gpu import SimulatedGpu
from fake_libcuda import FakeLibcuda
from fake_pycuda import make_pycuda
from fake_pynvml import make_pynvml
from fake_tensorrt import FakeTensorRT, make_tensorrt
from onnx import TensorProto, helper, numpy_helper

from microbench.measure import libcuda, sampler, session
from microbench.measure.environment import fingerprint
from microbench.measure.workload import Cost, Workload
from microbench.runtimes.cuda.pycuda_device import open_device
from microbench.runtimes.cuda.session import DeviceSession
from microbench.runtimes.tensorrt import probe

SHAPE = (1, 3, 8, 8)
INPUT_BYTES = 3 * 8 * 8 * 4


@dataclasses.dataclass
class Machine:
    """A machine to change before it is looked at."""

    monkeypatch: pytest.MonkeyPatch
    cache: Path
    gpu: SimulatedGpu = dataclasses.field(default_factory=SimulatedGpu)

    def install_driver(self, *, status: int = 0) -> None:
        self.monkeypatch.setattr(libcuda, "library", lambda: FakeLibcuda(self.gpu, status=status))

    def install_pycuda(self) -> None:
        for name, module in make_pycuda(self.gpu).items():
            self.monkeypatch.setitem(sys.modules, name, module)

    def install_tensorrt(self, version: str = "10.16.1.11") -> FakeTensorRT:
        fake = make_tensorrt(self.gpu, version)
        self.monkeypatch.setitem(sys.modules, "tensorrt", fake.module)
        # A process of its own would find none of the stand-ins.
        self.monkeypatch.setattr(probe, "driver_fault", lambda: None)
        return fake

    def remove_onnx(self) -> None:
        """As on a device that a bundle came to: the stand-ins keep what they have of it."""
        for name in ("onnx", "onnxruntime.quantization", "onnxruntime.transformers"):
            self.monkeypatch.setitem(sys.modules, name, None)

    def install_nvml(self, **options: Any) -> None:
        self.monkeypatch.setitem(sys.modules, "pynvml", make_pynvml(self.gpu.bus, **options))

    def install_all(self, version: str = "10.16.1.11") -> FakeTensorRT:
        self.install_driver()
        self.install_pycuda()
        self.install_nvml()
        return self.install_tensorrt(version)


@pytest.fixture
def _nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No garbage is collected, as while rows are timed; a session that is closed and still there is an error."""
    alive: list[weakref.ref[DeviceSession]] = []
    close = DeviceSession.close

    def watched(closed: DeviceSession) -> None:
        alive.append(weakref.ref(closed))
        close(closed)

    monkeypatch.setattr(DeviceSession, "close", watched)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    leaked = sum(reference() is not None for reference in alive)
    assert leaked == 0, f"{leaked} sessions are still there although they were closed"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, _nothing_leaks: None) -> Iterator[Machine]:
    """Nothing is installed yet; the host's clock is the simulation's."""
    simulated = Machine(monkeypatch, tmp_path / "cache")
    gpu = simulated.gpu
    monkeypatch.setenv("MICROBENCH_CACHE", str(simulated.cache))
    now: Callable[[], int] = lambda: gpu.host_ns  # noqa: E731
    host = types.SimpleNamespace(perf_counter_ns=now, process_time_ns=now, thread_time_ns=now)
    monkeypatch.setattr(session, "time", host)
    seconds = types.SimpleNamespace(perf_counter=lambda: gpu.host_ns / 1e9, get_clock_info=time.get_clock_info)
    monkeypatch.setattr(sampler, "time", seconds)
    open_device.cache_clear()
    fingerprint.cache_clear()
    yield simulated
    open_device.cache_clear()
    fingerprint.cache_clear()


def build_model() -> bytes:
    """A 1x1 convolution of 3 to 4 channels on 8x8."""
    rng = np.random.default_rng(0)
    weight = numpy_helper.from_array(rng.standard_normal((4, 3, 1, 1), dtype=np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["scores"])],
        "model",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 4, 8, 8))],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def answer(model: bytes, image: Any) -> Any:
    """What the model makes of the image, by ONNX Runtime."""
    options = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return options.run(None, {"image": image})[0]


@pytest.fixture(scope="session")
def model() -> bytes:
    return build_model()


@pytest.fixture
def workload(model: bytes) -> Workload:
    image = np.random.default_rng(1).standard_normal(SHAPE, dtype=np.float32)
    return Workload("convolution", model, {"image": image}, (answer(model, image),), Cost(768, 12, 1840))
