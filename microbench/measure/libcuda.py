"""The CUDA driver's C interface, by ctypes: for the little that is asked of it where no package brings it.

That is a device's properties without a context (the environment fingerprint needs neither pycuda nor torch), and CUDA
graphs, which pycuda 2025.1 does not wrap.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

_LIBRARY = "libcuda.so.1"


class CudaError(RuntimeError):
    """The driver refused a call, or is not there."""


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The driver's library, loaded.

    Raises:
        CudaError: no NVIDIA driver is installed.
    """
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise CudaError(f"no NVIDIA driver is installed ({_LIBRARY} is not found)") from error


def call(name: str, *arguments: Any) -> None:
    """Call the driver's function `name`; results come back through `ctypes.byref` arguments.

    Args:
        name: e.g. "cuGraphLaunch".
        arguments: ctypes values, as the C prototype has them: a plain integer would be passed as 32 bits.

    Raises:
        CudaError: the driver is not there, or answers with an error, which is named.
    """
    status = getattr(library(), name)(*arguments)
    if status != 0:
        raise CudaError(f"{name} failed: {_error_name(status)}")


def _error_name(status: int) -> str:
    name = ctypes.c_char_p()
    library().cuGetErrorName(status, ctypes.byref(name))
    return name.value.decode() if name.value else f"error {status}"
