"""A session on an NVIDIA GPU: timed by one of the three windows, its clock watched."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import Optional

from microbench.measure.nvml import ClockState, DeviceMonitor
from microbench.measure.record import Configuration
from microbench.measure.session import Reading, Session
from microbench.measure.timing import COLD
from microbench.runtimes.cuda.stream import Stream
from microbench.runtimes.cuda.windows import Window, make_window

CACHE_SIZES_ROTATED = 5
"""Cold inputs together exceed the L2 cache by this factor."""


def input_sets(configuration: Configuration, input_bytes: int, l2_bytes: int) -> int:
    """How many copies of the inputs a session rotates over: one if they shall be hot, else more than 5 x L2 of them."""
    if configuration.l2 != COLD:
        return 1
    return CACHE_SIZES_ROTATED * l2_bytes // max(input_bytes, 1) + 1


class DeviceSession(Session):
    """What all sessions on a GPU share. Subclasses enqueue runs; once they can, they call `start`."""

    worker_threads = True  # the device computes, and the host's pauses need not hold it up

    def __init__(self, stream: Stream, monitor: Optional[DeviceMonitor]) -> None:
        self._stream = stream
        self._monitor = monitor
        self._window: Optional[Window] = None
        self._timed_s = 0.0
        self.device_seconds = self._seconds_so_far

    @abstractmethod
    def enqueue_run(self) -> None:
        """Enqueue one run, on the next of the input sets."""

    @abstractmethod
    def enqueue_with_copies(self) -> None:
        """Enqueue the copy of the inputs to the device, one run, and the copy of the outputs to the host."""

    def start(self, timing: str, sets: int) -> None:
        """Make ready to be timed.

        Args:
            timing: one of `microbench.measure.timing.TIMINGS`.
            sets: how many input sets `enqueue_run` rotates over.

        Raises:
            RuntimeError: the runs cannot be timed so.
        """
        self._window = make_window(timing, self._stream, self.enqueue_run, self.enqueue_with_copies, sets)

    def enqueue(self, runs: int) -> None:
        """See the base class: runs launched one by one, whatever the timing."""
        for _ in range(runs):
            self.enqueue_run()

    def synchronize(self) -> None:
        """See the base class."""
        self._stream.synchronize()

    def read(self, runs: int) -> Reading:
        """Time a window by the session's timing; the device's clock and throttling are read in it."""
        states: list[ClockState] = []

        def observe() -> None:
            if self._monitor is not None:
                states.append(self._monitor.state())

        assert self._window is not None
        reading = self._window.read(runs, observe)
        self._timed_s += reading.timed_ns / 1e9 * runs / reading.runs
        if not states:
            return reading
        return dataclasses.replace(
            reading,
            sm_clock_mhz=states[-1].sm_clock_mhz,
            throttling=next((state.throttling for state in states if state.throttling), None),
        )

    def close(self) -> None:
        """Free what the timing holds, a captured graph above all."""
        self._window = None

    def _seconds_so_far(self) -> float:
        return self._timed_s
