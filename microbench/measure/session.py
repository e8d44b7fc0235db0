"""A model loaded in a runtime, ready to be run and timed."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.errors import InputError
from microbench.measure import noise
from microbench.measure.cold_caches import ColdCaches


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
    """By the device's own clock, where that is what is timed."""
    sm_clock_mhz: Optional[int] = None
    """The GPU's clock during the window, where the device tells."""
    throttling: Optional[str] = None
    """Why the GPU held its clock down during the window, where it did: such a window does not count."""

    @property
    def timed_ns(self) -> int:
        """By the clock that counts: the device's where there is one, else the wall clock."""
        return self.wall_ns if self.device_ns is None else self.device_ns


class HostClocks:
    """The host's clocks, running from construction on."""

    def __init__(self, *, all_threads: bool) -> None:
        """`all_threads`: CPU time is the whole process's, not the calling thread's alone."""
        self._cpu_clock = time.process_time_ns if all_threads else time.thread_time_ns
        self._preemptions = noise.involuntary_switches()
        self._cpu_ns = self._cpu_clock()
        self._wall_ns = time.perf_counter_ns()

    def reading(self, runs: int) -> Reading:
        """The window of `runs` runs that ends now."""
        wall_ns = time.perf_counter_ns() - self._wall_ns
        cpu_ns = self._cpu_clock() - self._cpu_ns
        return Reading(runs, wall_ns, cpu_ns, noise.involuntary_switches() - self._preemptions)


class Session(ABC):
    """One load of one model in one runtime. Files in `microbench.runtimes` say how each runtime does it."""

    worker_threads: bool = False
    """Whether the runtime computes on threads other than the calling one."""
    build: Optional[int] = None
    """Which of several builds of the model this load runs, where building is a matter of chance; see `Generation`."""
    empty_caches: Optional[ColdCaches] = None
    """Called before each timed run where runs are to find the processor's caches cold; see `read`."""
    device_seconds: Optional[Callable[[], float]] = None
    """A clock that advances by the time of the runs that `read` was asked for so far; on a device alone."""

    max_sm_clock_mhz: Optional[int] = None
    """The highest clock that the GPU may run at, where the device tells."""

    @abstractmethod
    def enqueue(self, runs: int) -> None:
        """Start `runs` runs one after the other on the inputs given at load time."""

    @abstractmethod
    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace the inputs by others of the same names and shapes, for the runs that are enqueued from now on.

        Raises:
            InputError: a name, shape or type is not that of the inputs given at load time.
        """

    @abstractmethod
    def outputs(self) -> tuple[NDArray[Any], ...]:
        """The outputs of the latest run, as the runtime's precision left them."""

    def synchronize(self) -> None:  # noqa: B027 - a CPU session has nothing to wait for
        """Wait until all enqueued runs have ended."""

    def close(self) -> None:  # noqa: B027 - most sessions are freed with the object
        """Free what the session holds."""

    def describe(self) -> Optional[Mapping[str, Any]]:
        """What the runtime made of the model, as JSON values, e.g. its layers; None where it does not tell."""
        return None

    def read(self, runs: int) -> Reading:
        """Time one window of `runs` runs, by the host's clocks. One on a device may take more, and says how many.

        The runs are back to back, or, where `empty_caches` is set, each is timed by itself right after a call of it,
        and their times are added up. What the clocks and the call take without a run is subtracted from each. It is
        measured just before, twice: emptying the caches also drove out Python's own code, whose return is no part of
        the model's run. (Of the clocks' scatter, some 0.1 us a run are left.)
        """
        if self.empty_caches is None:
            return self._read_span(runs)
        spans = []
        for _ in range(runs):
            self.empty_caches()
            self._read_span(0)
            spans.append((self._read_span(0), self._read_span(1)))
        return Reading(
            runs,
            wall_ns=sum(max(one.wall_ns - empty.wall_ns, 1) for empty, one in spans),
            cpu_ns=sum(max(one.cpu_ns - empty.cpu_ns, 0) for empty, one in spans),
            preemptions=sum(one.preemptions for _, one in spans),
        )

    def _read_span(self, runs: int) -> Reading:
        clocks = HostClocks(all_threads=self.worker_threads)
        self.enqueue(runs)
        self.synchronize()
        return clocks.reading(runs)


def replacement(
    inputs: Mapping[str, NDArray[np.float32]], current: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """`inputs` as a session may bind them in the place of its `current` ones: in their order, and contiguous.

    Raises:
        InputError: a name, shape or type differs.
    """
    given, wanted = _described(inputs), _described(current)
    if given != wanted:
        raise InputError(f"inputs must have the names, types and shapes {wanted}, not {given}.")
    return {name: np.ascontiguousarray(inputs[name]) for name in current}


def _described(inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, str]:
    return {name: f"{value.dtype} {value.shape}" for name, value in inputs.items()}


class WrongOutputError(RuntimeError):
    """A session's output is not the reference's: its time must not count."""


def check_outputs(outputs: tuple[NDArray[Any], ...], reference: tuple[NDArray[Any], ...], tolerance: float) -> None:
    """Compare a session's outputs with the float32 reference, at the places where it is not masked.

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
        error = _error(output, expected) if _is_finite(output) else math.inf
        if not error <= tolerance:
            raise WrongOutputError(f"output differs from the float32 reference by {error:.2g}, allowed {tolerance:.2g}")


def _is_finite(output: NDArray[Any]) -> bool:
    return bool(np.isfinite(output).all())


def _error(output: NDArray[Any], expected: NDArray[Any]) -> float:
    if isinstance(expected, np.ma.MaskedArray):
        known = ~np.ma.getmaskarray(expected)
        output, expected = output[known], expected.data[known]
    if np.issubdtype(expected.dtype, np.integer):
        return float(np.mean(output != expected))
    difference = output.astype(np.float64) - expected
    scale = max(float(np.linalg.norm(expected)), float(np.finfo(np.float32).tiny))
    return float(np.linalg.norm(difference)) / scale
