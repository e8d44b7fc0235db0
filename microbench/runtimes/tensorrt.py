"""TensorRT on NVIDIA GPUs: whether it is there. Loading comes with the GPU instrument."""

from __future__ import annotations

import ctypes.util
from typing import NoReturn, Optional

from microbench.runtimes.base import RUNTIMES, Runtime


@RUNTIMES.register("tensorrt")
class TensorRT(Runtime):
    """TensorRT through its Python API; pycuda for memory, streams and events."""

    name = "tensorrt"
    distributions = ("tensorrt",)
    module = "tensorrt"
    precisions = {"cuda": ("fp32", "tf32", "fp16", "bf16", "int8")}
    install = "pip install 'lpsnet-microbench[tensorrt]' on a machine with an NVIDIA driver"

    def missing_device(self, device: str) -> Optional[str]:  # noqa: ARG002 - it has one device
        """Asks for the driver alone: without one, TensorRT's own objects crash on construction."""
        if ctypes.util.find_library("cuda") is None:
            return "no NVIDIA driver (libcuda) is installed"
        return "timing with it is not built yet"

    def load(self, *_: object) -> NoReturn:
        """Not there yet.

        Raises:
            RuntimeError: always; `missing` says so before.
        """
        raise RuntimeError("timing with TensorRT is not built yet")
