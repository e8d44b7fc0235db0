"""The runtime: whether it is there, and which build a load is of."""

from __future__ import annotations

import collections
import importlib
import importlib.util
import weakref
from typing import Any, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.gpu import pci_bus_id
from microbench.measure.libcuda import CudaError
from microbench.measure.nvml import DeviceMonitor
from microbench.measure.record import Configuration
from microbench.measure.session import Session
from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime
from microbench.runtimes.tensorrt import probe


@RUNTIMES.register("tensorrt")
class TensorRT(Runtime):
    """TensorRT engines of the workload's ONNX model, three builds a row.

    The builder times kernels and takes the fastest, so two builds of a model may differ. Loads take turns among the
    builds: every load reads its engine anew, and every third one the same engine.
    """

    name = "tensorrt"
    distributions = ("tensorrt",)
    module = "tensorrt"
    precisions = {"cuda": ("fp32", "tf32", "fp16", "bf16", "int8")}
    install = "pip install 'lpsnet-microbench[tensorrt]' on a machine with an NVIDIA driver"
    min_builds = 3
    timings = {"cuda": (KERNEL_SPAN, ISOLATED, END_TO_END)}

    def __init__(self) -> None:
        self._loads: weakref.WeakKeyDictionary[Workload, collections.Counter[Configuration]] = (
            weakref.WeakKeyDictionary()
        )

    def missing_device(self, device: str) -> Optional[str]:  # noqa: ARG002 - it has one device
        """Asks the driver first: without one that is new enough, TensorRT's own objects crash on construction."""
        try:
            pci_bus_id()
        except CudaError as error:
            return str(error)
        if importlib.util.find_spec("pycuda") is None:
            return "the Python package pycuda is not installed"
        for module in ("pycuda.driver", self.module):  # found is not yet able to load its libraries
            importlib.import_module(module)
        return probe.driver_fault()

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class.

        Raises:
            EngineError: the model cannot be built or run in this precision by this version on this device.
            MemoryError: the device has too little memory.
        """
        from microbench.runtimes.cuda.pycuda_device import open_device
        from microbench.runtimes.tensorrt.engine_cache import load_engine
        from microbench.runtimes.tensorrt.session import TensorRTSession

        trt: Any = importlib.import_module(self.module)
        device = open_device()
        engine = load_engine(trt, device, workload, configuration.precision, self._next_build(workload, configuration))
        return TensorRTSession(trt, device, engine, inputs, configuration, DeviceMonitor.open(device.pci_bus_id))

    def build_ahead(self, workload: Workload, configuration: Configuration, build: int) -> bool:
        """See the base class: builds the engine, unless the cache has it.

        Raises:
            EngineError: as `load` does.
        """
        from microbench.runtimes.cuda.pycuda_device import open_device
        from microbench.runtimes.tensorrt.engine_cache import load_engine

        trt: Any = importlib.import_module(self.module)
        return load_engine(trt, open_device(), workload, configuration.precision, build).origin != "cached"

    def _next_build(self, workload: Workload, configuration: Configuration) -> int:
        loads = self._loads.setdefault(workload, collections.Counter())
        loads[configuration] += 1
        return (loads[configuration] - 1) % self.min_builds
