"""CUDA's first device through pycuda: its memory, and a stream that the clock can read."""

from __future__ import annotations

import atexit
import functools
from typing import Any, Callable, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from microbench.runtimes.cuda.graph import Graph
from microbench.runtimes.cuda.stream import FLUSHED_CACHE_SIZES, Launch, Stream

_NON_BLOCKING = 1
"""CU_STREAM_NON_BLOCKING: no waiting for the default stream, which a stream that is captured must not."""

_DELAY_KERNEL = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry delay(.param .u64 duration_ns)
{
    .reg .pred %waiting;
    .reg .u64 %duration, %start, %now, %passed;
    ld.param.u64 %duration, [duration_ns];
    mov.u64 %start, %globaltimer;
WAIT:
    mov.u64 %now, %globaltimer;
    sub.u64 %passed, %now, %start;
    setp.lt.u64 %waiting, %passed, %duration;
    @%waiting bra WAIT;
    ret;
}
\0"""
"""As PTX, which the driver itself compiles for any GPU from Maxwell on: nvcc need not be there. %globaltimer counts
nanoseconds, whatever the clock."""


class PycudaDevice:
    """CUDA's first device, by its primary context: the one that TensorRT and torch use too."""

    def __init__(self, driver: Any, device: Any) -> None:
        self._driver = driver
        self.name: str = device.name()
        self.compute_capability = "{}.{}".format(*device.compute_capability())
        self.memory_bytes: int = device.total_memory()
        self.l2_bytes: int = device.get_attribute(driver.device_attribute.L2_CACHE_SIZE)
        self.pci_bus_id: str = device.pci_bus_id()
        # Kept for the life of the process: a module is loaded into the context once.
        self._module = driver.module_from_buffer(_DELAY_KERNEL)

    def stream(self) -> PycudaStream:
        """A new stream."""
        return PycudaStream(self._driver, self._module.get_function("delay"), self)

    @functools.cached_property
    def flushed(self) -> tuple[Any, int]:
        """Memory to empty the L2 cache by, and its size in 32-bit words; allocated once and kept."""
        nbytes = FLUSHED_CACHE_SIZES * self.l2_bytes
        return self.allocate(nbytes), nbytes // 4

    def allocate(self, nbytes: int) -> Any:
        """Device memory; `int()` of it is its address, and `free()` gives it back.

        Raises:
            MemoryError: there is not as much left.
        """
        try:
            return self._driver.mem_alloc(max(nbytes, 1))
        except self._driver.MemoryError as error:
            free, total = self._driver.mem_get_info()
            raise MemoryError(
                f"{nbytes / 2**20:.0f} MiB of device memory were asked for, {free / 2**20:.0f} of "
                f"{total / 2**20:.0f} MiB are free"
            ) from error

    def page_locked(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array in host memory that the device copies from and to by itself."""
        array: NDArray[Any] = self._driver.pagelocked_empty(tuple(shape), dtype)
        return array


class PycudaStream(Stream):
    """A stream of the primary context."""

    def __init__(self, driver: Any, delay: Any, device: PycudaDevice) -> None:
        self._device = device
        self._driver = driver
        self._delay = delay
        self._stream = driver.Stream(_NON_BLOCKING)
        # The first launch loads the kernel, which may take longer than a delay.
        self.delay(0)
        self.synchronize()

    @property
    def handle(self) -> int:
        """The CUstream, for other libraries."""
        return int(self._stream.handle)

    def mark(self) -> Any:
        """See the base class."""
        event = self._driver.Event()
        event.record(self._stream)
        return event

    def passed(self, event: Any) -> bool:
        """See the base class."""
        return bool(event.query())

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """See the base class."""
        return float(start.time_till(end))

    def synchronize(self) -> None:
        """See the base class."""
        self._stream.synchronize()

    def delay(self, duration_ns: int) -> None:
        """See the base class."""
        self._delay(np.uint64(duration_ns), block=(1, 1, 1), grid=(1, 1), stream=self._stream)

    def flush(self) -> None:
        """See the base class."""
        memory, words = self._device.flushed
        self._driver.memset_d32_async(int(memory), 0, words, self._stream)

    def capture(self, enqueue: Callable[[], None]) -> Launch:
        """See the base class."""
        return Graph(self.handle, enqueue).launch

    def copy_to_device(self, target: Any, source: NDArray[Any]) -> None:
        """Enqueue a copy from page-locked host memory."""
        self._driver.memcpy_htod_async(int(target), source, self._stream)

    def copy_to_host(self, target: NDArray[Any], source: Any) -> None:
        """Enqueue a copy to page-locked host memory."""
        self._driver.memcpy_dtoh_async(target, int(source), self._stream)


@functools.lru_cache(maxsize=1)
def open_device() -> PycudaDevice:
    """The device, its context current in this thread until the process ends."""
    import pycuda.driver as driver

    driver.init()
    device = driver.Device(0)
    context = device.retain_primary_context()
    context.push()
    atexit.register(context.pop)
    return PycudaDevice(driver, device)
