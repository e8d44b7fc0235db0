"""Whether the NVIDIA driver is new enough for the installed TensorRT, found out in a process of its own.

With a driver that is too old, the constructor of TensorRT's Runtime ends the process by a segmentation fault.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import re
import signal
import subprocess
import sys
from typing import Optional

from microbench.measure.libcuda import CudaError, call

_PROBE = "import tensorrt; tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))"
_TIMEOUT_S = 120

_OLDEST_DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
"""On Linux, by CUDA's major version, within which programs run on newer and older minor versions (CUDA's release notes,
table "CUDA Toolkit and Minimum Required Driver Version")."""


@functools.lru_cache(maxsize=1)
def driver_fault() -> Optional[str]:
    """Why TensorRT cannot start with this driver, with the version that it needs; None if it can."""
    try:
        done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"TensorRT does not start within {_TIMEOUT_S} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"TensorRT ends a process by {name} as it starts: {_needed_driver()}"
    said = done.stderr.strip().splitlines() or ["no message"]
    return f"TensorRT does not start ({said[-1]}): {_needed_driver()}"


def _needed_driver() -> str:
    major = _cuda_major()
    if major is None:
        return f"it needs a newer NVIDIA driver than this one, {_driver_cuda()}"
    oldest = _OLDEST_DRIVERS.get(major, "a newer one")
    return f"it is built for CUDA {major}, which needs NVIDIA driver {oldest} or newer; this one is {_driver_cuda()}"


def _cuda_major() -> Optional[int]:
    """Of the CUDA that TensorRT was built for, as the names of its packages tell ("tensorrt_cu13_libs")."""
    try:
        needed = importlib.metadata.requires("tensorrt") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [int(match.group(1)) for text in needed if (match := re.search(r"[-_]cu(\d\d)(?!\d)", text))]
    return max(found, default=None)


def _driver_cuda() -> str:
    version = ctypes.c_int()
    try:
        call("cuDriverGetVersion", ctypes.byref(version))
    except CudaError:
        return "unknown"
    return f"for CUDA {version.value // 1000}.{version.value % 1000 // 10} at most"
