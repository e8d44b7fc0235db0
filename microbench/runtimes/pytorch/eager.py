"""PyTorch eager: each operator dispatched by Python, the baseline that a researcher has at hand."""

from __future__ import annotations

import copy
import importlib
from typing import Any, ClassVar, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.gpu import pci_bus_id
from microbench.measure.libcuda import CudaError
from microbench.measure.record import Configuration
from microbench.measure.session import Session
from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime
from microbench.runtimes.pytorch.cuda_session import TorchCudaSession
from microbench.runtimes.pytorch.session import TorchSession

_DTYPES = {"fp32": "float32", "tf32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@RUNTIMES.register("torch-eager")
class TorchEager(Runtime):
    """PyTorch in inference mode, on the deployed module as it is, in torch's default layout (NCHW)."""

    name = "torch-eager"
    distributions = ("torch",)
    module = "torch"
    precisions = {"cpu": ("fp32", "bf16", "fp16"), "cuda": ("fp32", "tf32", "fp16", "bf16")}
    install = "pip install torch"
    timings = {"cpu": (END_TO_END,), "cuda": (KERNEL_SPAN, ISOLATED, END_TO_END)}
    needs_module = True
    replays: ClassVar[bool] = False
    """Whether a run on a GPU is the replay of a call captured as a CUDA graph."""

    def missing_device(self, device: str) -> Optional[str]:
        """A build of torch for the CPU alone has no CUDA, and one with it may find no device."""
        if device == "cpu":
            return None
        # The driver first: without one, torch need not be imported to know.
        try:
            pci_bus_id()
        except CudaError as error:
            return str(error)
        torch: Any = importlib.import_module(self.module)
        if not torch.backends.cuda.is_built():
            return f"torch {torch.__version__} is a build without CUDA (pytorch.org says how to install one with it)"
        return None if torch.cuda.is_available() else "torch finds no CUDA device that it can use"

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class.

        Raises:
            ValueError: the workload carries no torch module.
            RuntimeError: the device has too little memory, or the module cannot be captured or timed on it.
        """
        import torch

        if workload.module is None:
            raise ValueError("the workload carries no torch module")
        dtype = getattr(torch, _DTYPES[configuration.precision])
        module = copy.deepcopy(workload.module).to(torch.device(configuration.device), dtype)
        if configuration.device == "cuda":
            return TorchCudaSession(torch, self.prepare(module), inputs, dtype, configuration, replays=self.replays)
        torch.set_num_threads(configuration.threads)
        return self.session(torch, module, inputs, dtype, worker_threads=configuration.threads > 1)

    def session(
        self, torch: Any, module: Any, inputs: Mapping[str, NDArray[np.float32]], dtype: Any, *, worker_threads: bool
    ) -> TorchSession:
        """The module ready to run on the CPU; see `TorchSession` for the arguments."""
        return TorchSession(torch, self.prepare(module), inputs, dtype, worker_threads=worker_threads)

    def prepare(self, module: Any) -> Any:
        """What is called in the timed loop."""
        return module
