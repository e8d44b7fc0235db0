"""The CUDA driver's C interface over a simulated GPU, called as ctypes calls it."""

from __future__ import annotations

import ctypes
from typing import Any

from fake_gpu import SimulatedGpu

NO_DEVICE = 100
CAPTURE_UNSUPPORTED = 900
_NAMES = {NO_DEVICE: b"CUDA_ERROR_NO_DEVICE", CAPTURE_UNSUPPORTED: b"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"}
_RELAXED = 2


class FakeLibcuda:
    """The functions that the project calls; each takes ctypes values and answers with a status."""

    def __init__(self, gpu: SimulatedGpu, *, status: int = 0) -> None:
        """`status` is what initialising answers, e.g. `NO_DEVICE`."""
        self._gpu = gpu
        self._status = status

    def cuInit(self, flags: ctypes.c_uint) -> int:  # noqa: N802
        return self._status or flags.value

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = 11040
        return 0

    def cuDeviceGet(self, device: Any, ordinal: ctypes.c_int) -> int:  # noqa: N802
        device._obj.value = ordinal.value
        return 0

    def cuDeviceGetName(self, text: Any, size: ctypes.c_int, device: ctypes.c_int) -> int:  # noqa: ARG002, N802
        text.value = self._gpu.name.encode()
        return 0

    def cuDeviceTotalMem_v2(self, total: Any, device: ctypes.c_int) -> int:  # noqa: ARG002, N802
        total._obj.value = self._gpu.memory_bytes
        return 0

    def cuDeviceGetPCIBusId(self, text: Any, size: ctypes.c_int, device: ctypes.c_int) -> int:  # noqa: ARG002, N802
        text.value = self._gpu.bus.encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: ctypes.c_int, device: ctypes.c_int) -> int:  # noqa: ARG002, N802
        major, minor = self._gpu.compute_capability
        known = {16: self._gpu.multiprocessors, 38: self._gpu.l2_bytes, 75: major, 76: minor}
        value._obj.value = known[attribute.value]
        return 0

    def cuGetErrorName(self, status: int, name: Any) -> int:  # noqa: N802
        name._obj.value = _NAMES.get(status)
        return 0

    def cuStreamBeginCapture_v2(self, stream: ctypes.c_void_p, mode: ctypes.c_int) -> int:  # noqa: N802
        assert mode.value == _RELAXED
        self._gpu.begin_capture(stream.value or 0)
        return 0

    def cuStreamEndCapture(self, stream: ctypes.c_void_p, graph: Any) -> int:  # noqa: N802
        captured = self._gpu.end_capture(stream.value or 0)
        if captured is None:
            return CAPTURE_UNSUPPORTED
        graph._obj.value = captured
        return 0

    def cuGraphInstantiateWithFlags(self, executable: Any, graph: ctypes.c_void_p, flags: ctypes.c_ulonglong) -> int:  # noqa: N802
        executable._obj.value = graph.value
        return flags.value

    def cuGraphDestroy(self, graph: ctypes.c_void_p) -> int:  # noqa: N802
        assert graph.value in self._gpu.graphs
        return 0

    def cuGraphLaunch(self, executable: ctypes.c_void_p, stream: ctypes.c_void_p) -> int:  # noqa: N802
        self._gpu.launch(executable.value or 0, stream.value or 0)
        return 0

    def cuGraphExecDestroy(self, executable: ctypes.c_void_p) -> int:  # noqa: N802
        self._gpu.graphs.pop(executable.value or 0, None)
        return 0
