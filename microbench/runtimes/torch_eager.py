"""PyTorch eager: each operator dispatched by Python, the baseline that a researcher has at hand."""

from __future__ import annotations

import copy
from typing import Any, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.record import Configuration
from microbench.measure.session import Session, replacement
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime

_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@RUNTIMES.register("torch-eager")
class TorchEager(Runtime):
    """PyTorch in inference mode, on the deployed module as it is."""

    name = "torch-eager"
    distributions = ("torch",)
    module = "torch"
    precisions = {"cpu": ("fp32", "bf16", "fp16")}
    install = "pip install torch"
    needs_module = True

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class.

        Raises:
            ValueError: the workload carries no torch module.
        """
        import torch

        if workload.module is None:
            raise ValueError("the workload carries no torch module")
        torch.set_num_threads(configuration.threads)
        dtype = getattr(torch, _DTYPES[configuration.precision])
        module = copy.deepcopy(workload.module).to(dtype)
        return _TorchSession(self.prepare(module), inputs, dtype, worker_threads=configuration.threads > 1)

    def prepare(self, module: Any) -> Any:
        """What is called in the timed loop."""
        return module


class _TorchSession(Session):
    def __init__(
        self, call: Any, inputs: Mapping[str, NDArray[np.float32]], dtype: Any, *, worker_threads: bool
    ) -> None:
        self.worker_threads = worker_threads
        self._call = call
        self._dtype = dtype
        self._bind(inputs)
        self._result: Optional[Any] = None

    def _bind(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        import torch

        self._inputs = inputs
        self._arguments = [torch.from_numpy(value).to(self._dtype) for value in inputs.values()]

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._bind(replacement(inputs, self._inputs))

    def enqueue(self, runs: int) -> None:
        import torch

        call, arguments = self._call, self._arguments
        with torch.inference_mode():
            for _ in range(runs):
                self._result = call(*arguments)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        result = self._result
        assert result is not None
        tensors = result if isinstance(result, (tuple, list)) else (result,)
        return tuple((t.float() if t.is_floating_point() else t).numpy() for t in tensors)

    def close(self) -> None:
        self._call = None
        self._result = None
