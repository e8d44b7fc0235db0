"""A simulated GPU: memory, one clock for the host and one for the device, streams, events and graphs.

Everything that its time is made of is a public number, so that a test can say beforehand what each timing must give.
All times are in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

EVENT_STEP_NS = 500


@dataclass
class Kernels:
    """What one run of an engine is to the device."""

    run_ns: int
    """The kernels by themselves."""
    inputs: Callable[[], list[tuple[int, int]]]
    """Address and size in bytes of what the run reads."""


Operation = Callable[[], None]


@dataclass
class SimulatedStream:
    """Work that runs in order."""

    busy_until_ns: int = 0
    captured: list[Operation] | None = None
    """What was enqueued since a capture began; None outside one."""
    queued: int = 0


@dataclass
class SimulatedGpu:
    """The device and the host's view of it."""

    name: str = "Simulated GPU"
    compute_capability: tuple[int, int] = (9, 0)
    multiprocessors: int = 132
    memory_bytes: int = 1 << 30
    l2_bytes: int = 1 << 20
    bus: str = "0000:1B:00.0"

    launch_cost_ns: int = 20_000
    """Of the host, for enqueueing one run."""
    graph_cost_ns: int = 10_000
    """Of the host, for launching a graph of any size."""
    start_ns: int = 3_000
    """Of the device, to start a run that was launched by itself; within a graph it is nothing."""
    graph_start_ns: int = 4_000
    """Of the device, to start a graph of any size."""
    copy_ns_per_byte: float = 0.1
    flush_ns_per_byte: float = 0.001
    cold_ns: int = 4_000
    """What a run takes longer if its inputs are no longer in the cache."""
    launch_factor: Callable[[], float] = lambda: 1.0
    """Asked at each launch of a graph: how much longer all that is in it takes."""
    cannot_capture: bool = False
    page_locked_bytes: int = 0
    """Of the host's memory, in arrays that are still alive."""
    max_page_locked_bytes: int = 1 << 30

    held_up_ns: int = 0
    """The host loses this time, once, at the next thing that it enqueues."""
    host_ns: int = 0
    streams: dict[int, SimulatedStream] = field(default_factory=dict)
    memory: dict[int, bytearray] = field(default_factory=dict)
    read_order: list[tuple[int, int]] = field(default_factory=list)
    """Address and size of what was read, the latest last, each once: the cache keeps the end of it."""
    runs: int = 0
    """That the device has begun."""
    graphs: dict[int, tuple[int, list[Operation]]] = field(default_factory=dict)
    delays_ns: list[int] = field(default_factory=list)
    _next_handle: int = 0x1000
    _factor: float = 1.0

    def handle(self) -> int:
        self._next_handle += 0x100
        return self._next_handle

    # Memory

    def allocate(self, nbytes: int) -> int | None:
        assert all(stream.captured is None for stream in self.streams.values()), "memory is allocated within a capture"
        if sum(map(len, self.memory.values())) + nbytes > self.memory_bytes:
            return None
        address = self.handle()
        self.memory[address] = bytearray(nbytes)
        return address

    def allocated_bytes(self) -> int:
        return sum(map(len, self.memory.values()))

    # Work

    def new_stream(self) -> int:
        handle = self.handle()
        self.streams[handle] = SimulatedStream()
        return handle

    def enqueue(self, handle: int, operation: Operation, host_cost_ns: int = 0) -> None:
        stream = self.streams[handle]
        self.host_ns += host_cost_ns + self.held_up_ns
        self.held_up_ns = 0
        if stream.captured is not None:
            stream.captured.append(operation)
        else:
            operation()

    def occupy(self, handle: int, duration_ns: float) -> None:
        stream = self.streams[handle]
        stream.busy_until_ns = max(stream.busy_until_ns, self.host_ns) + round(duration_ns * self._factor)

    def run(self, handle: int, kernels: Kernels) -> None:
        """Enqueue one run of an engine."""
        captured = self.streams[handle].captured is not None

        def operation() -> None:
            self.runs += 1
            found = [self._read(address, size) for address, size in kernels.inputs()]
            cold = not all(found)
            start_ns = 0 if captured else self.start_ns
            self.occupy(handle, start_ns + kernels.run_ns + (self.cold_ns if cold else 0))

        self.enqueue(handle, operation, self.launch_cost_ns)

    def _read(self, address: int, size: int) -> bool:
        """Read memory; whether the cache still had it."""
        entry = (address, size)
        hit = False
        if entry in self.read_order:
            since = self.read_order[self.read_order.index(entry) :]
            hit = sum(nbytes for _, nbytes in since) <= self.l2_bytes
            self.read_order.remove(entry)
        self.read_order.append(entry)
        return hit

    def flush(self, handle: int, address: int, nbytes: int) -> None:
        """Overwrite memory: what the cache held before is gone as far as that fills it."""

        def operation() -> None:
            self._read(address, nbytes)
            self.occupy(handle, nbytes * self.flush_ns_per_byte)

        self.enqueue(handle, operation)

    def delay(self, handle: int, duration_ns: int) -> None:
        self.delays_ns.append(duration_ns)
        # Not through `enqueue`: being held up before the delay does no harm.
        self.occupy(handle, duration_ns)

    def copy(self, handle: int, nbytes: int, move: Operation) -> None:
        def operation() -> None:
            move()
            self.occupy(handle, nbytes * self.copy_ns_per_byte)

        self.enqueue(handle, operation)

    def event_ns(self, handle: int) -> int:
        """When an event recorded now will have happened, in the steps that events count in."""
        reached = max(self.streams[handle].busy_until_ns, self.host_ns)
        return reached // EVENT_STEP_NS * EVENT_STEP_NS

    def synchronize(self, handle: int) -> None:
        self.host_ns = max(self.host_ns, self.streams[handle].busy_until_ns)

    # Graphs

    def begin_capture(self, handle: int) -> None:
        self.streams[handle].captured = []

    def end_capture(self, handle: int) -> int | None:
        operations = self.streams[handle].captured
        self.streams[handle].captured = None
        if self.cannot_capture or operations is None:
            return None
        graph = self.handle()
        self.graphs[graph] = (handle, operations)
        return graph

    def launch(self, graph: int, handle: int) -> None:
        def operation() -> None:
            self.occupy(handle, self.graph_start_ns)
            self._factor = self.launch_factor()
            for operation in self.graphs[graph][1]:
                operation()
            self._factor = 1.0

        self.enqueue(handle, operation, self.graph_cost_ns)


def milliseconds(duration_ns: int) -> float:
    """As CUDA gives an elapsed time: a float32 of milliseconds."""
    return float(np.float32(duration_ns / 1e6))
