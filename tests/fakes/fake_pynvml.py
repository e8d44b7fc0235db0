"""pynvml (package nvidia-ml-py) over a scripted clock."""

from __future__ import annotations

import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec

IDLE = 0x01
POWER_CAP = 0x04
THERMAL = 0x20


def make_pynvml(
    bus: str,
    *,
    reasons: Callable[[], int] = lambda: 0,
    sm_clock_mhz: int = 1980,
    has_power_limit: bool = True,
    driver: str | bytes = "580.95.05",
) -> types.ModuleType:
    """The module; `reasons` is asked for the throttle reasons' bits each time they are read."""

    class NVMLError(Exception):
        pass

    def get_handle(wanted: bytes) -> str:
        if wanted.decode() != bus:
            raise NVMLError("Not Found")
        return "handle"

    def power_limit(_: str) -> int:
        if not has_power_limit:
            raise NVMLError("Not Supported")
        return 700_000

    module = types.ModuleType("pynvml")
    module.__spec__ = ModuleSpec("pynvml", None)
    vars(module).update(
        NVMLError=NVMLError,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByPciBusId=get_handle,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda _: reasons(),
        nvmlDeviceGetClockInfo=lambda _, kind: {1: sm_clock_mhz, 2: 3201}[kind],
        nvmlDeviceGetMaxClockInfo=lambda _, kind: {1: 1980, 2: 3201}[kind],
        nvmlDeviceGetEnforcedPowerLimit=power_limit,
        nvmlSystemGetDriverVersion=lambda: driver,
    )
    return module
