"""An engine loaded and ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.nvml import DeviceMonitor
from microbench.measure.record import Configuration
from microbench.measure.session import replacement
from microbench.runtimes.cuda.pycuda_device import PycudaDevice
from microbench.runtimes.cuda.session import DeviceSession
from microbench.runtimes.kernels import describe_kernels
from microbench.runtimes.tensorrt.engine_cache import Engine
from microbench.runtimes.tensorrt.errors import EngineError, reasons
from microbench.runtimes.tensorrt.inspect import Inspection, device_memory_bytes, inspect_engine
from microbench.runtimes.tensorrt.tensors import TensorLayout, read_layout


@dataclass(frozen=True)
class _Tensor:
    """An input or output: page-locked on the host, and on the device."""

    layout: TensorLayout
    host: NDArray[Any]
    device: Any


class TensorRTSession(DeviceSession):
    """Runs an engine on page-locked inputs."""

    def __init__(
        self,
        trt: Any,
        device: PycudaDevice,
        loaded: Engine,
        inputs: Mapping[str, NDArray[np.float32]],
        configuration: Configuration,
        monitor: Optional[DeviceMonitor],
    ) -> None:
        """Loads it.

        Raises:
            EngineError: the engine cannot be run, or not be timed as the configuration says.
            MemoryError: the device has too little memory.
        """
        self._cuda_stream = device.stream()
        super().__init__(self._cuda_stream, monitor)
        self.build = loaded.build
        inspection = inspect_engine(trt, loaded.engine)
        inspection.require_precision(configuration.precision)
        self._description = _describe(loaded, inspection)
        self._loaded: Optional[Engine] = loaded
        self._inputs = inputs
        self._input_tensors: list[_Tensor] = []
        self._output_tensors: list[_Tensor] = []
        try:
            self._context = loaded.engine.create_execution_context()
            if self._context is None:
                needed = device_memory_bytes(loaded.engine) / 2**20
                raise EngineError(
                    f"the engine, which needs {needed:.0f} MiB of device memory to run, cannot be made ready: "
                    + reasons(loaded.logger.errors)
                )
            self._bind(trt, device)
            self.feed(inputs)
            self.enqueue(1)  # the first run of a context does work that cannot be captured
            self.synchronize()
            self.start(configuration)
        except BaseException:
            self.close()
            raise

    def _bind(self, trt: Any, device: PycudaDevice) -> None:
        engine = self._require_loaded().engine
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            layout = read_layout(engine, name)
            is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            host = device.page_locked(layout.stored_shape, layout.stored_dtype)
            tensor = _Tensor(layout, host, device.allocate(host.nbytes))
            (self._input_tensors if is_input else self._output_tensors).append(tensor)
            self._context.set_tensor_address(name, int(tensor.device))

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """See the base class."""
        self._inputs = replacement(inputs, self._inputs)
        for tensor in self._input_tensors:
            tensor.layout.pack(self._inputs[tensor.layout.name], tensor.host)
            self._cuda_stream.copy_to_device(tensor.device, tensor.host)
        self._cuda_stream.synchronize()

    def enqueue_run(self) -> None:
        """See the base class."""
        if not self._context.execute_async_v3(self._cuda_stream.handle):
            raise EngineError(f"the engine does not run: {reasons(self._require_loaded().logger.errors)}")

    def enqueue_with_copies(self) -> None:
        """See the base class."""
        for tensor in self._input_tensors:
            self._cuda_stream.copy_to_device(tensor.device, tensor.host)
        self.enqueue_run()
        self._enqueue_outputs()

    def _enqueue_outputs(self) -> None:
        for tensor in self._output_tensors:
            self._cuda_stream.copy_to_host(tensor.host, tensor.device)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        """See the base class."""
        self._enqueue_outputs()
        self._cuda_stream.synchronize()
        return tuple(tensor.layout.unpack(tensor.host) for tensor in self._output_tensors)

    def describe(self) -> Mapping[str, Any]:
        """See the base class: the build and its layers."""
        return self._description

    def close(self) -> None:
        """See the base class."""
        super().close()
        for tensors in (self._input_tensors, self._output_tensors):
            while tensors:
                tensors.pop().device.free()
        self._context = None
        self._loaded = None

    def _require_loaded(self) -> Engine:
        if self._loaded is None:
            raise EngineError("the session is closed")
        return self._loaded


def _describe(loaded: Engine, inspection: Inspection) -> dict[str, Any]:
    described: dict[str, Any] = {
        "build": loaded.build,
        "origin": loaded.origin,
        "build_s": None if loaded.build_s is None else round(loaded.build_s, 3),
        "plan_bytes": loaded.plan_bytes,
        "device_memory_bytes": device_memory_bytes(loaded.engine),
        "reformat_share": inspection.reformat_share,
        "layers": [dict(layer) for layer in inspection.layers],
        **describe_kernels(inspection.kernels),
    }
    return described if inspection.error is None else {**described, "layers_error": inspection.error}
