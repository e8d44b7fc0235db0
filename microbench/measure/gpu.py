"""The GPU's part of the environment fingerprint: of CUDA's first device, by the driver and NVML alone."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Optional

from microbench.measure.libcuda import CudaError, call
from microbench.measure.nvml import DeviceMonitor, Limits

# CUdevice_attribute of cuda.h.
_MULTIPROCESSORS = 16
_L2_BYTES = 38
_CAPABILITY_MAJOR = 75
_CAPABILITY_MINOR = 76

_TEXT_BYTES = 256


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU."""

    name: str
    compute_capability: str
    """E.g. "9.0"."""
    multiprocessors: int
    memory_bytes: int
    l2_bytes: int
    driver: Optional[str] = None
    """None, like the rest, where NVML is not there to tell."""
    max_sm_clock_mhz: Optional[int] = None
    max_memory_clock_mhz: Optional[int] = None
    power_limit_w: Optional[float] = None


def find_gpu() -> Optional[Gpu]:
    """CUDA's first device, or None where there is no driver or no device."""
    try:
        device = _first_device()
        return _describe(device)
    except CudaError:
        return None


def pci_bus_id() -> str:
    """Where CUDA's first device sits, e.g. "0000:1B:00.0".

    Raises:
        CudaError: there is no driver or no device.
    """
    return _pci_bus_id(_first_device())


def _first_device() -> ctypes.c_int:
    device = ctypes.c_int()
    call("cuInit", ctypes.c_uint(0))
    call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
    return device


def _describe(device: ctypes.c_int) -> Gpu:
    name = ctypes.create_string_buffer(_TEXT_BYTES)
    call("cuDeviceGetName", name, ctypes.c_int(_TEXT_BYTES), device)
    memory = ctypes.c_size_t()
    call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    monitor = DeviceMonitor.open(_pci_bus_id(device))
    limits = Limits(None, None, None, None) if monitor is None else monitor.limits()
    return Gpu(
        name=name.value.decode(),
        compute_capability=f"{_attribute(device, _CAPABILITY_MAJOR)}.{_attribute(device, _CAPABILITY_MINOR)}",
        multiprocessors=_attribute(device, _MULTIPROCESSORS),
        memory_bytes=memory.value,
        l2_bytes=_attribute(device, _L2_BYTES),
        driver=limits.driver,
        max_sm_clock_mhz=limits.max_sm_clock_mhz,
        max_memory_clock_mhz=limits.max_memory_clock_mhz,
        power_limit_w=limits.power_limit_w,
    )


def _pci_bus_id(device: ctypes.c_int) -> str:
    bus = ctypes.create_string_buffer(_TEXT_BYTES)
    call("cuDeviceGetPCIBusId", bus, ctypes.c_int(_TEXT_BYTES), device)
    return bus.value.decode()


def _attribute(device: ctypes.c_int, attribute: int) -> int:
    value = ctypes.c_int()
    call("cuDeviceGetAttribute", ctypes.byref(value), ctypes.c_int(attribute), device)
    return value.value
