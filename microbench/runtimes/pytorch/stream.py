"""The stream of a torch session on an NVIDIA GPU, as the GPU clock asks for it."""

from __future__ import annotations

import functools
from typing import Any, Callable, ContextManager

from microbench.runtimes.cuda.stream import FLUSHED_CACHE_SIZES, Launch, Stream, capture_error

_CYCLES_PER_NS = 3
"""No GPU's clock runs faster, so a delay lasts at least as long as it was asked to; no more is asked of it."""


class TorchStream(Stream):
    """A stream of torch's own pool on CUDA's first device.

    torch puts work on the stream that is current: runs, and launches of what was captured, belong into `current()`.
    """

    def __init__(self, torch: Any) -> None:
        """`torch` is the module, given because this floor is imported where torch is not."""
        self._torch = torch
        # Streams of the pool do not wait for the default stream, which one that is captured must not.
        self._stream = torch.cuda.Stream()
        self._pool = torch.cuda.graph_pool_handle()
        # The first launch loads the kernel, which may take longer than a delay.
        self.delay(0)
        self.synchronize()

    def current(self) -> ContextManager[Any]:
        """In it, this is the stream that torch enqueues on.

        Once for many runs: entering takes the host some microseconds, which are not the model's.
        """
        context: ContextManager[Any] = self._torch.cuda.stream(self._stream)
        return context

    def mark(self) -> Any:
        """See the base class."""
        event = self._torch.cuda.Event(enable_timing=True)
        event.record(self._stream)
        return event

    def passed(self, event: Any) -> bool:
        """See the base class."""
        return bool(event.query())

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """See the base class."""
        return float(start.elapsed_time(end))

    def synchronize(self) -> None:
        """See the base class."""
        self._stream.synchronize()

    def delay(self, duration_ns: int) -> None:
        """See the base class.

        By the kernel with which torch tests its own streams. It counts clock cycles, where pycuda's counts nanoseconds,
        but to load that one beside torch would take the driver's launch of a kernel by hand, to gain a precision that
        nobody needs: what follows is timed by events, and `Queue` finds out how long a delay has to be.
        """
        with self.current():
            self._torch.cuda._sleep(duration_ns * _CYCLES_PER_NS)

    def flush(self) -> None:
        """See the base class."""
        with self.current():
            _flushed(self._torch).zero_()

    def capture(self, enqueue: Callable[[], None]) -> Launch:
        """See the base class; launch it in `current()`.

        All graphs of the stream take their scratch memory from one pool, as no two of them run at a time. What must
        outlive the launch of another is to be referred to as long.
        """
        graph = self._torch.cuda.CUDAGraph()
        try:
            with self._torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                enqueue()
        except Exception as error:
            raise capture_error(error) from error
        launch: Launch = graph.replay
        return launch


@functools.lru_cache(maxsize=1)
def _flushed(torch: Any) -> Any:
    """Device memory to empty the L2 cache by; allocated once and kept."""
    device = torch.device("cuda")
    nbytes = FLUSHED_CACHE_SIZES * torch.cuda.get_device_properties(device).L2_cache_size
    return torch.empty((nbytes,), dtype=torch.uint8, device=device)
