"""ONNX Runtime on a device that is not there: what each run is made of, and that the CPU does not stand in for it."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from microbench import runtimes
from microbench.measure.record import Configuration
from microbench.measure.session import Session
from microbench.measure.workload import Workload

CUDA = "CUDAExecutionProvider"


class Log:
    """What the runtime was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.settings: dict[str, Any] = {}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, workload: Workload) -> Log:  # noqa: ARG001 - whose reference ONNX Runtime makes
    """ONNX Runtime computes on the CPU, and says that it is CUDA."""
    log = Log()
    real = onnxruntime.InferenceSession

    class Binding:
        def __init__(self, binding: Any) -> None:
            self.real = binding

        def bind_cpu_input(self, name: str, value: Any) -> None:
            log.calls.append("copy in")
            self.real.bind_cpu_input(name, value)

        def bind_output(self, name: str) -> None:
            self.real.bind_output(name)

        def copy_outputs_to_cpu(self) -> Any:
            return self.real.copy_outputs_to_cpu()

    class InferenceSession:
        def __init__(self, model: bytes, options: Any, providers: Any) -> None:
            ((name, log.settings),) = providers
            assert name == CUDA
            self._real = real(model, options, providers=["CPUExecutionProvider"])

        def get_providers(self) -> list[str]:
            return [CUDA, "CPUExecutionProvider"]

        def get_outputs(self) -> Any:
            return self._real.get_outputs()

        def io_binding(self) -> Binding:
            return Binding(self._real.io_binding())

        def run_with_iobinding(self, binding: Binding) -> None:
            log.calls.append("run")
            self._real.run_with_iobinding(binding.real)

    monkeypatch.setattr(onnxruntime, "InferenceSession", InferenceSession)
    return log


def loaded(workload: Workload, precision: str = "fp32") -> Session:
    configuration = Configuration("onnxruntime", precision, "cuda", 1)
    return runtimes.get("onnxruntime").load_checked(workload, configuration, layout_seed=0)


def test_each_timed_run_begins_with_the_copy_of_its_inputs(log: Log, workload: Workload) -> None:
    """A binding copies them once, when they are bound: the runs that follow would start on the device."""
    session = loaded(workload)
    log.calls.clear()
    assert session.read(3).runs == 3
    assert log.calls == ["copy in", "run"] * 3


@pytest.mark.usefixtures("log")
def test_a_session_on_the_device_computes_on_what_it_was_fed_latest(workload: Workload) -> None:
    session = loaded(workload)
    session.feed({"image": 2 * workload.inputs["image"]})
    session.enqueue(1)
    np.testing.assert_allclose(session.outputs()[0], 2 * workload.reference[0], rtol=1e-5)
    assert session.worker_threads


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 0), ("tf32", 1)])
def test_tf32_is_allowed_when_it_is_asked_for(log: Log, workload: Workload, precision: str, allowed: int) -> None:
    loaded(workload, precision)
    assert log.settings["use_tf32"] == allowed


def test_a_provider_that_cannot_be_loaded_is_an_error_and_not_the_cpus_time(workload: Workload) -> None:
    """ONNX Runtime itself falls back to the CPU, with a warning."""
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has the CUDA provider")
    with (
        pytest.warns(UserWarning, match=CUDA),
        pytest.raises(RuntimeError, match=f"ONNX Runtime cannot load its {CUDA}"),
    ):
        loaded(workload)
