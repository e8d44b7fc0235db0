"""CUDA graphs by the driver's C interface: pycuda 2025.1 has streams and events, but no graphs."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Callable

from microbench.measure.libcuda import CudaError, call
from microbench.runtimes.cuda.stream import capture_error

_RELAXED = 2
"""CU_STREAM_CAPTURE_MODE_RELAXED: what another library does on other streams meanwhile is no concern of the capture."""


class Graph:
    """What was enqueued on a stream, as one thing to launch on it again."""

    def __init__(self, stream_handle: int, enqueue: Callable[[], None]) -> None:
        """Captures what `enqueue` puts on the stream; nothing of it runs.

        Raises:
            RuntimeError: something in it cannot be captured.
        """
        self._stream = ctypes.c_void_p(stream_handle)
        self._executable = ctypes.c_void_p()
        graph = ctypes.c_void_p()
        call("cuStreamBeginCapture_v2", self._stream, ctypes.c_int(_RELAXED))
        try:
            try:
                enqueue()
            finally:
                call("cuStreamEndCapture", self._stream, ctypes.byref(graph))
        except Exception as error:
            raise capture_error(error) from error
        call("cuGraphInstantiateWithFlags", ctypes.byref(self._executable), graph, ctypes.c_ulonglong(0))
        call("cuGraphDestroy", graph)

    def launch(self) -> None:
        """Enqueue it."""
        call("cuGraphLaunch", self._executable, self._stream)

    def __del__(self) -> None:
        if not self._executable:
            return
        # Once the context is gone, the graph is gone with it.
        with contextlib.suppress(CudaError):
            call("cuGraphExecDestroy", self._executable)
