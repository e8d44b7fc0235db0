"""A torch module loaded and ready to run on the CPU, and what its sessions on a GPU share with it."""

from __future__ import annotations

from typing import Any, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.session import Session, replacement
from microbench.runtimes.kernels import describe_kernels
from microbench.runtimes.kernels.onednn import onednn_kernels


class TorchSession(Session):
    """Calls a module, as it is or compiled, in inference mode."""

    def __init__(
        self, torch: Any, call: Any, inputs: Mapping[str, NDArray[np.float32]], dtype: Any, *, worker_threads: bool
    ) -> None:
        """`torch` is the module, given because this floor is imported where torch is not."""
        self.worker_threads = worker_threads
        self._torch = torch
        self._call = call
        self._dtype = dtype
        self._bind(inputs)
        self._result: Optional[Any] = None

    def _bind(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._inputs = inputs
        self._arguments = [self._argument(value) for value in inputs.values()]

    def _argument(self, value: NDArray[Any]) -> Any:
        """An input as the module takes it."""
        tensor = self._torch.from_numpy(value)
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """See the base class."""
        self._bind(replacement(inputs, self._inputs))

    def enqueue(self, runs: int) -> None:
        """See the base class."""
        call, arguments = self._call, self._arguments
        with self._torch.inference_mode():
            for _ in range(runs):
                self._result = call(*arguments)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        """See the base class."""
        return tuple(as_array(tensor) for tensor in tensors_of(self._result))

    def describe(self) -> Mapping[str, Any]:
        """See the base class: oneDNN's primitives; what torch computes by itself is not among them."""
        return describe_kernels(lambda: onednn_kernels(self._torch, lambda: self.enqueue(1)))

    def close(self) -> None:
        """See the base class."""
        self._call = None
        self._result = None


def tensors_of(result: Any) -> tuple[Any, ...]:
    """What a module gave back, which may be one tensor or several, as several."""
    assert result is not None
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def as_array(tensor: Any) -> NDArray[Any]:
    """A tensor in host memory as NumPy, which knows no bfloat16, has it: floats in float32."""
    array: NDArray[Any] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    return array
