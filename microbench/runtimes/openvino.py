"""OpenVINO on the CPU."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np
from numpy.typing import NDArray

from microbench.measure.record import Configuration
from microbench.measure.session import Session, replacement
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime
from microbench.runtimes.forms import quantized_here
from microbench.runtimes.kernels import describe_kernels
from microbench.runtimes.kernels.openvino import openvino_kernels
from microbench.runtimes.signal_stack import unchanged_signal_stack

_HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}


@RUNTIMES.register("openvino")
class OpenVino(Runtime):
    """OpenVINO's CPU plugin, tuned for latency: one stream, one request, pinned precision.

    Without the precision hint the plugin picks bf16 where the processor has it, and would be compared as fp32.
    """

    name = "openvino"
    distributions = ("openvino",)
    module = "openvino"
    precisions = {"cpu": ("fp32", "bf16", "fp16", "int8")}
    install = "pip install openvino"

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class."""
        import openvino

        hint = _HINTS[configuration.precision]
        needed = {"bf16": "BF16", "f16": "FP16"}.get(hint)
        onnx_model = workload.onnx_model
        if configuration.precision == "int8":
            onnx_model = quantized_here(workload)
        with unchanged_signal_stack():
            core = openvino.Core()
            if needed and needed not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
                raise ValueError(f"this processor has no {configuration.precision} arithmetic for OpenVINO")
            compiled = core.compile_model(
                core.read_model(onnx_model),
                "CPU",
                {
                    "PERFORMANCE_HINT": "LATENCY",
                    "NUM_STREAMS": 1,
                    "INFERENCE_NUM_THREADS": configuration.threads,
                    "INFERENCE_PRECISION_HINT": hint,
                },
            )
        return _OpenVinoSession(compiled, inputs, worker_threads=configuration.threads > 1)


class _OpenVinoSession(Session):
    def __init__(self, compiled: Any, inputs: Mapping[str, NDArray[np.float32]], *, worker_threads: bool) -> None:
        self.worker_threads = worker_threads
        self._request = compiled.create_infer_request()
        self._bind(inputs)
        self._count = len(compiled.outputs)
        self._compiled = compiled

    def _bind(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        import openvino

        self._inputs = inputs  # shared with the request, which does not keep them alive
        for name, value in inputs.items():
            self._request.set_tensor(name, openvino.Tensor(value, shared_memory=True))

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._bind(replacement(inputs, self._inputs))

    def enqueue(self, runs: int) -> None:
        infer = self._request.infer
        for _ in range(runs):
            infer()

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return tuple(np.array(self._request.get_output_tensor(i).data) for i in range(self._count))

    def describe(self) -> Mapping[str, Any]:
        return describe_kernels(lambda: openvino_kernels(self._compiled))

    def close(self) -> None:
        self._request = None
        self._compiled = None
