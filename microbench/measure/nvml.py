"""NVIDIA's management library (package nvidia-ml-py, optional): clocks, power, and whether the device throttles."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Optional

_THROTTLING = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
"""The reasons of nvml.h (nvmlClocksEventReason*) that slow down what runs. Being idle (0x01), a clock that the user set
(0x02, 0x100) and a group that keeps its clocks together (0x10) are none."""


@dataclass(frozen=True)
class ClockState:
    """A device's clock at one moment."""

    sm_clock_mhz: Optional[int]
    throttling: Optional[str]
    """Why the clock is held down, e.g. "power cap+thermal slowdown"; None where it is not."""


@dataclass(frozen=True)
class Limits:
    """What a device's clocks and power are set to; None where it does not tell."""

    driver: Optional[str]
    max_sm_clock_mhz: Optional[int]
    max_memory_clock_mhz: Optional[int]
    power_limit_w: Optional[float]


class DeviceMonitor:
    """One device, watched while it works."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle

    @staticmethod
    def open(pci_bus_id: str) -> Optional[DeviceMonitor]:
        """The device at `pci_bus_id`, or None where the package is missing or the library does not know it.

        By bus, as CUDA's numbers of devices are not NVML's where CUDA_VISIBLE_DEVICES is set.
        """
        if importlib.util.find_spec("pynvml") is None:
            return None
        nvml = importlib.import_module("pynvml")
        try:
            nvml.nvmlInit()
            return DeviceMonitor(nvml, nvml.nvmlDeviceGetHandleByPciBusId(pci_bus_id.encode()))
        except nvml.NVMLError:
            return None

    def state(self) -> ClockState:
        """The clock now."""
        nvml = self._nvml
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons") or 0
        held = "+".join(word for bit, word in _THROTTLING.items() if reasons & bit)
        return ClockState(self._ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM), held or None)

    def limits(self) -> Limits:
        """What it is set to."""
        nvml = self._nvml
        power_mw = self._ask("nvmlDeviceGetEnforcedPowerLimit")
        return Limits(
            driver=self._driver(),
            max_sm_clock_mhz=self._ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_SM),
            max_memory_clock_mhz=self._ask("nvmlDeviceGetMaxClockInfo", nvml.NVML_CLOCK_MEM),
            power_limit_w=None if power_mw is None else power_mw / 1000,
        )

    def _driver(self) -> Optional[str]:
        try:
            version = self._nvml.nvmlSystemGetDriverVersion()
        except self._nvml.NVMLError:
            return None
        return version.decode() if isinstance(version, bytes) else str(version)

    def _ask(self, function: str, *arguments: Any) -> Optional[int]:
        try:
            return int(getattr(self._nvml, function)(self._handle, *arguments))
        except self._nvml.NVMLError:  # not on this device
            return None
