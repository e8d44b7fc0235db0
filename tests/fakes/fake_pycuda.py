"""pycuda.driver over a simulated GPU: what the project uses of pycuda 2025.1, with its names and its arguments."""

from __future__ import annotations

import types
import weakref
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np
from fake_gpu import SimulatedGpu, milliseconds

NON_BLOCKING = 1


def make_pycuda(gpu: SimulatedGpu) -> dict[str, types.ModuleType]:
    """The modules, by the names that they are imported by."""

    class Error(Exception):
        pass

    class DeviceMemoryError(Error):
        pass

    class Context:
        depth = 0

        def push(self) -> None:
            Context.depth += 1

        @staticmethod
        def pop() -> None:
            Context.depth -= 1

    class Device:
        def __init__(self, ordinal: int) -> None:
            assert ordinal == 0

        def name(self) -> str:
            return gpu.name

        def compute_capability(self) -> tuple[int, int]:
            return gpu.compute_capability

        def total_memory(self) -> int:
            return gpu.memory_bytes

        def get_attribute(self, attribute: str) -> int:
            return {"l2": gpu.l2_bytes}[attribute]

        def pci_bus_id(self) -> str:
            return gpu.bus

        def retain_primary_context(self) -> Context:
            return Context()

    class Stream:
        def __init__(self, flags: int = 0) -> None:
            assert flags == NON_BLOCKING, "a stream that is captured must not wait for the default stream"
            self.handle = gpu.new_stream()

        def synchronize(self) -> None:
            gpu.synchronize(self.handle)

    class Event:
        def record(self, stream: Stream) -> None:
            self.at_ns = gpu.event_ns(stream.handle)

        def query(self) -> bool:
            return self.at_ns <= gpu.host_ns

        def time_till(self, end: Event) -> float:
            assert end.query(), "the events have not both happened yet"
            return milliseconds(end.at_ns - self.at_ns)

    class DeviceAllocation:
        def __init__(self, address: int) -> None:
            self._address = address

        def __int__(self) -> int:
            return self._address

        def free(self) -> None:
            del gpu.memory[self._address]

    class Module:
        def get_function(self, name: str) -> Any:
            assert name == "delay"

            def launch(duration: np.uint64, *, block: Any, grid: Any, stream: Stream) -> None:
                assert isinstance(duration, np.uint64)
                assert (block, grid) == ((1, 1, 1), (1, 1))
                gpu.delay(stream.handle, int(duration))

            return launch

    def mem_alloc(nbytes: int) -> DeviceAllocation:
        address = gpu.allocate(nbytes)
        if address is None:
            raise DeviceMemoryError("cuMemAlloc failed: out of memory")
        return DeviceAllocation(address)

    def module_from_buffer(source: bytes) -> Module:
        assert source.endswith(b"\0"), "the driver reads PTX up to a zero byte"
        return Module()

    def memcpy_htod_async(target: int, source: Any, stream: Stream) -> None:
        assert isinstance(target, int)

        def move() -> None:
            gpu.memory[target][:] = source.tobytes()

        gpu.copy(stream.handle, source.nbytes, move)

    def memcpy_dtoh_async(target: Any, source: int, stream: Stream) -> None:
        def move() -> None:
            target[...] = np.frombuffer(gpu.memory[source], target.dtype).reshape(target.shape)

        gpu.copy(stream.handle, target.nbytes, move)

    def memset_d32_async(target: int, value: int, words: int, stream: Stream) -> None:
        assert isinstance(target, int)
        assert value == 0
        assert 4 * words <= len(gpu.memory[target]), "writes behind what was allocated"
        gpu.flush(stream.handle, target, 4 * words)

    def pagelocked_empty(shape: tuple[int, ...], dtype: Any) -> Any:
        array = np.full(shape, 7, dtype)  # not zeros: what is read before it is written must be seen
        if gpu.page_locked_bytes + array.nbytes > gpu.max_page_locked_bytes:
            raise DeviceMemoryError("cuMemHostAlloc failed: out of memory")
        gpu.page_locked_bytes += array.nbytes
        weakref.finalize(array, release, array.nbytes)
        return array

    def release(nbytes: int) -> None:
        gpu.page_locked_bytes -= nbytes

    driver = types.ModuleType("pycuda.driver")
    package = types.ModuleType("pycuda")
    vars(driver).update(
        init=lambda: None,
        Device=Device,
        Context=Context,
        Stream=Stream,
        Event=Event,
        Error=Error,
        MemoryError=DeviceMemoryError,
        device_attribute=types.SimpleNamespace(L2_CACHE_SIZE="l2"),
        mem_alloc=mem_alloc,
        mem_get_info=lambda: (gpu.memory_bytes - gpu.allocated_bytes(), gpu.memory_bytes),
        memset_d32_async=memset_d32_async,
        pagelocked_empty=pagelocked_empty,
        module_from_buffer=module_from_buffer,
        memcpy_htod_async=memcpy_htod_async,
        memcpy_dtoh_async=memcpy_dtoh_async,
    )
    vars(package).update(driver=driver, __path__=[])
    modules = {"pycuda": package, "pycuda.driver": driver}
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None, is_package=name == "pycuda")
    return modules
