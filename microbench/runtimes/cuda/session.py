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


class DeviceSession(Session):
    """What all sessions on a GPU share. Subclasses enqueue runs; once they can, they call `start`."""

    worker_threads = True  # the device computes, and the host's pauses need not hold it up

    def __init__(self, stream: Stream, monitor: Optional[DeviceMonitor]) -> None:
        self._stream = stream
        self._monitor = monitor
        self._window: Optional[Window] = None
        self._timed_s = 0.0
        self.device_seconds = self._seconds_so_far
        self.max_sm_clock_mhz = None if monitor is None else monitor.limits().max_sm_clock_mhz

    @abstractmethod
    def enqueue_run(self) -> None:
        """Enqueue one run."""

    @abstractmethod
    def enqueue_with_copies(self) -> None:
        """Enqueue the copy of the inputs to the device, one run, and the copy of the outputs to the host."""

    def start(self, configuration: Configuration) -> None:
        """Make ready to be timed as the configuration says.

        Raises:
            RuntimeError: the runs cannot be timed so.
        """
        self._window = make_window(
            configuration.timing,
            self._stream,
            self.enqueue_run,
            self.enqueue_with_copies,
            cold=configuration.l2 == COLD,
        )

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
        """Free what the timing holds, a captured graph above all.

        Nothing may refer back to the session afterwards: the garbage collector, which alone frees what refers to
        itself, is off while rows are timed, and page-locked memory would pile up load by load.
        """
        self._window = None
        self.device_seconds = None

    def _seconds_so_far(self) -> float:
        return self._timed_s
