"""A model loaded in a runtime, ready to be run and timed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure import noise


@dataclass(frozen=True)
class Reading:
    """What the clocks said of one timed window of back-to-back runs."""

    runs: int
    wall_ns: int
    cpu_ns: int
    """CPU time of the calling thread, or of the whole process where the runtime has worker threads."""
    preemptions: int
    """Involuntary context switches of the calling thread: the scheduler took the core away."""
    device_ns: Optional[int] = None
    """By the device's own clock, where it has one."""


class Session(ABC):
    """One load of one model in one runtime. Files in `microbench.runtimes` say how each runtime does it."""

    worker_threads: bool = False
    """Whether the runtime computes on threads other than the calling one."""
    device_seconds: Optional[Callable[[], float]] = None
    """A clock that advances by the device's own time of the runs so far, where the device has one."""

    @abstractmethod
    def enqueue(self, runs: int) -> None:
        """Start `runs` runs one after the other on the inputs given at load time."""

    @abstractmethod
    def outputs(self) -> tuple[NDArray[Any], ...]:
        """The outputs of the latest run, as the runtime's precision left them."""

    def synchronize(self) -> None:  # noqa: B027 - a CPU session has nothing to wait for
        """Wait until all enqueued runs have ended."""

    def close(self) -> None:  # noqa: B027 - most sessions are freed with the object
        """Free what the session holds."""

    def read(self, runs: int) -> Reading:
        """Time one window of `runs` runs, by the host's clocks."""
        cpu_clock = time.process_time_ns if self.worker_threads else time.thread_time_ns
        preemptions = noise.involuntary_switches()
        cpu = cpu_clock()
        wall = time.perf_counter_ns()
        self.enqueue(runs)
        self.synchronize()
        wall = time.perf_counter_ns() - wall
        cpu = cpu_clock() - cpu
        return Reading(runs, wall, cpu, noise.involuntary_switches() - preemptions)


class WrongOutputError(RuntimeError):
    """A session's output is not the reference's: its time must not count."""


def check_outputs(outputs: tuple[NDArray[Any], ...], reference: tuple[NDArray[Any], ...], tolerance: float) -> None:
    """Hold a session's outputs against the float32 reference.

    The error is the root mean square of the difference as a share of the reference's or, where the output is a map of
    classes, the share of its places that differ. The largest difference would not do: a deep network of random weights
    carries rounding at single places a long way.

    Raises:
        WrongOutputError: another number of outputs, another shape, a value that is not finite, or too large an error.
    """
    if [output.shape for output in outputs] != [expected.shape for expected in reference]:
        raise WrongOutputError(
            f"output shapes {[o.shape for o in outputs]} are not the reference's {[r.shape for r in reference]}"
        )
    for output, expected in zip(outputs, reference):
        error = _error(output, expected)
        if not error <= tolerance:  # a NaN fails too
            raise WrongOutputError(f"output differs from the float32 reference by {error:.2g}, allowed {tolerance:.2g}")


def _error(output: NDArray[Any], expected: NDArray[Any]) -> float:
    if np.issubdtype(expected.dtype, np.integer):
        return float(np.mean(output != expected))
    difference = output.astype(np.float64) - expected
    scale = max(float(np.linalg.norm(expected)), float(np.finfo(np.float32).tiny))
    return float(np.linalg.norm(difference)) / scale
