"""ONNX Runtime: the default on a CPU."""

from __future__ import annotations

import importlib.metadata
from typing import Any, Callable, ClassVar, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.measure.gpu import find_gpu
from microbench.measure.record import Configuration
from microbench.measure.session import Session, replacement
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime
from microbench.runtimes.forms import quantized_here
from microbench.runtimes.kernels import Kernel, describe_kernels
from microbench.runtimes.kernels.onnxruntime import onnxruntime_kernels

_GPU_DISTRIBUTION = "onnxruntime-gpu"
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@RUNTIMES.register("onnxruntime")
class OnnxRuntime(Runtime):
    """ONNX Runtime with its default graph optimisations; inputs and outputs are bound once."""

    name = "onnxruntime"
    distributions = ("onnxruntime", _GPU_DISTRIBUTION)
    module = "onnxruntime"
    precisions = {"cpu": ("fp32", "int8"), "cuda": ("fp32", "tf32")}
    install = "pip install onnxruntime (onnxruntime-gpu for cuda)"
    nchwc: ClassVar[bool] = True
    """Whether convolutions may keep their channels in blocks of a vector's width (the NCHWc layout)."""

    def missing_device(self, device: str) -> Optional[str]:
        """The GPU package brings the CUDA provider; a build of one's own may have it under the other name."""
        if device == "cpu":
            return None
        missing = f"this build of ONNX Runtime has no {_PROVIDERS[device]}"
        # Imported only where the provider can be there: the import takes longer than all else that is looked at.
        if not _is_installed(_GPU_DISTRIBUTION) and find_gpu() is None:
            return missing
        import onnxruntime

        return None if _PROVIDERS[device] in onnxruntime.get_available_providers() else missing

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class.

        Raises:
            RuntimeError: the provider is there, but ONNX Runtime could not load it, and would compute on the CPU.
        """
        import onnxruntime

        options = self._options(configuration)
        model = workload.onnx_model
        if configuration.precision == "int8":
            model = quantized_here(workload)
        provider = _PROVIDERS[configuration.device]
        settings = {"use_tf32": int(configuration.precision == "tf32")} if configuration.device == "cuda" else {}
        providers = [(provider, settings)]
        session = onnxruntime.InferenceSession(model, options, providers=providers)
        if provider not in session.get_providers():
            raise RuntimeError(f"ONNX Runtime cannot load its {provider}: a library that it needs is not there")

        def find_kernels() -> Sequence[Kernel]:
            return onnxruntime_kernels(model, self._options(configuration), providers, inputs)

        if configuration.device == "cuda":
            return _CudaSession(session, inputs, find_kernels, worker_threads=True)
        return _OnnxRuntimeSession(session, inputs, find_kernels, worker_threads=configuration.threads > 1)

    def _options(self, configuration: Configuration) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = configuration.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if not self.nchwc:
            # The one level above this has the NCHWc pass; what else is in it is about other layouts.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        return options


@RUNTIMES.register("onnxruntime-nchw")
class OnnxRuntimeNchw(OnnxRuntime):
    """ONNX Runtime with the graph optimisations up to "extended": fused operators, and no NCHWc layout."""

    name = "onnxruntime-nchw"
    precisions = {"cpu": ("fp32",)}
    nchwc = False


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


class _OnnxRuntimeSession(Session):
    def __init__(
        self,
        session: Any,
        inputs: Mapping[str, NDArray[np.float32]],
        find_kernels: Callable[[], Sequence[Kernel]],
        *,
        worker_threads: bool,
    ) -> None:
        self.worker_threads = worker_threads
        self._session = session
        self._find_kernels = find_kernels
        self._binding = session.io_binding()
        self._bind(inputs)
        for output in session.get_outputs():
            self._binding.bind_output(output.name)

    def _bind(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._inputs = inputs  # the binding does not keep them alive
        for name, value in inputs.items():
            self._binding.bind_cpu_input(name, value)

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._bind(replacement(inputs, self._inputs))

    def enqueue(self, runs: int) -> None:
        run, binding = self._session.run_with_iobinding, self._binding
        for _ in range(runs):
            run(binding)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return tuple(self._binding.copy_outputs_to_cpu())

    def describe(self) -> Mapping[str, Any]:
        return describe_kernels(self._find_kernels)

    def close(self) -> None:
        self._binding = None
        self._session = None


class _CudaSession(_OnnxRuntimeSession):
    """Timed end to end: from inputs in pageable host memory to outputs in pageable host memory.

    A binding copies its inputs to the device when they are bound, once, so they are bound anew for each run. Outputs
    are bound to the host, and a run ends when they are there.
    """

    def enqueue(self, runs: int) -> None:
        run, binding = self._session.run_with_iobinding, self._binding
        for _ in range(runs):
            self._bind(self._inputs)
            run(binding)
