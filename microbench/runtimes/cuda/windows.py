"""The three timings of `microbench.measure.timing`, each as a way to time one window of runs on a stream."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, Callable

from microbench.measure.session import HostClocks, Reading
from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN
from microbench.runtimes.cuda.stream import EVENT_RESOLUTION_NS, Stream, elapsed_ns

MIN_SPAN_NS = 2000 * EVENT_RESOLUTION_NS
"""A graph lasts at least this long: an event is then off by 0.05%, and the start of a graph is little beside it."""
MAX_RUNS_PER_GRAPH = 1000

_FIRST_DELAY_NS = 1_000_000
_LONGEST_DELAY_NS = 64_000_000
_FIRST_BATCH = 32
_MAX_FAILURES = 9
"""In a row, of queueing up ahead of the device: enough to reach the longest delay and a batch of one."""

Enqueue = Callable[[], None]
"""Enqueues the next run: on the next of the input sets, where there are several."""
Observe = Callable[[], None]
"""Called at least once a window, while the device is at work or has just been."""


class Window(ABC):
    """A way to time a window of runs."""

    @abstractmethod
    def read(self, runs: int, observe: Observe) -> Reading:
        """Time at least `runs` runs; the reading says how many."""


class Queue:
    """Launches queued up behind a delay, with an event before and one after each.

    An idle device would take the first event's time at once, and the host's launch would be timed with the run. The
    delay is as long, and the batch of launches behind it as small, as it takes for the host to be done before the
    device begins; both are found out by trying, and tried again should a window show otherwise.
    """

    def __init__(self, stream: Stream, enqueue: Enqueue) -> None:
        self._stream = stream
        self._enqueue = enqueue
        self._delay_ns = _FIRST_DELAY_NS
        self._batch = _FIRST_BATCH

    def time_ns(self, launches: int, observe: Observe) -> int:
        """The device's time in all of so many launches, without what lies between them.

        Raises:
            RuntimeError: not even one launch can be enqueued ahead of the device.
        """
        total_ns = done = failures = 0
        while done < launches:
            pairs = self._try(min(self._batch, launches - done), observe)
            if pairs:
                total_ns += elapsed_ns(self._stream, pairs)
                done += len(pairs)
                failures = 0
                continue
            failures += 1
            if failures > _MAX_FAILURES:
                raise RuntimeError("the launches of one run cannot be queued up ahead of the device")
            if failures > 1:  # once may be the host's scheduler
                self._try_harder()
        return total_ns

    def _try(self, launches: int, observe: Observe) -> list[tuple[Any, Any]]:
        """The launches' events, or none if the device began before the host was done."""
        self._stream.delay(self._delay_ns)
        gate = self._stream.mark()
        pairs = [self._timed_launch() for _ in range(launches)]
        was_ahead = not self._stream.passed(gate)
        observe()
        self._stream.synchronize()
        return pairs if was_ahead else []

    def _timed_launch(self) -> tuple[Any, Any]:
        start = self._stream.mark()
        self._enqueue()
        return start, self._stream.mark()

    def _try_harder(self) -> None:
        self._delay_ns = min(self._delay_ns * 2, _LONGEST_DELAY_NS)
        # A longer delay alone need not do: the driver's queue holds a thousand or so launches, and a network may take
        # hundreds of them a run.
        self._batch = max(self._batch // 2, 1)


class KernelSpan(Window):
    """Graphs of several runs, timed launch by launch."""

    def __init__(self, stream: Stream, enqueue: Enqueue, input_sets: int) -> None:
        """Captures the graph: of each input set equally often, and long enough for the clock.

        Raises:
            RuntimeError: the runs cannot be captured, or take too many input sets.
        """
        if input_sets > MAX_RUNS_PER_GRAPH:
            raise RuntimeError(
                f"the inputs are so small that {input_sets} copies are needed to exceed the cache five times, "
                f"and a graph holds {MAX_RUNS_PER_GRAPH} runs"
            )
        run_ns = _rough_run_ns(stream, enqueue, input_sets)
        rotations = max(1, math.ceil(MIN_SPAN_NS / (run_ns * input_sets)))
        self._runs = min(rotations, MAX_RUNS_PER_GRAPH // input_sets) * input_sets

        def enqueue_all() -> None:
            for _ in range(self._runs):
                enqueue()

        self._rotates = input_sets > 1
        self._launch = stream.capture(enqueue_all)
        self._queue = Queue(stream, self._launch)

    def read(self, runs: int, observe: Observe) -> Reading:
        """By the device's clock; as many runs as whole graphs have."""
        launches = math.ceil(runs / self._runs)
        if self._rotates:
            # What ran before may have left in the cache what the graph begins with; after the graph itself nothing is.
            self._launch()
        clocks = HostClocks(all_threads=True)
        device_ns = self._queue.time_ns(launches, observe)
        return dataclasses.replace(clocks.reading(launches * self._runs), device_ns=device_ns)


class Isolated(Window):
    """Single runs, timed one by one."""

    def __init__(self, stream: Stream, enqueue: Enqueue) -> None:
        self._queue = Queue(stream, enqueue)

    def read(self, runs: int, observe: Observe) -> Reading:
        """By the device's clock."""
        clocks = HostClocks(all_threads=True)
        device_ns = self._queue.time_ns(runs, observe)
        return dataclasses.replace(clocks.reading(runs), device_ns=device_ns)


class EndToEnd(Window):
    """Copy in, run, copy out and wait, one run after the other, by the host's clock."""

    def __init__(self, stream: Stream, enqueue_with_copies: Enqueue) -> None:
        self._stream = stream
        self._enqueue = enqueue_with_copies

    def read(self, runs: int, observe: Observe) -> Reading:
        """By the wall clock."""
        enqueue, synchronize = self._enqueue, self._stream.synchronize
        clocks = HostClocks(all_threads=True)
        for _ in range(runs):
            enqueue()
            synchronize()
        reading = clocks.reading(runs)
        observe()
        return reading


def make_window(timing: str, stream: Stream, enqueue: Enqueue, enqueue_with_copies: Enqueue, input_sets: int) -> Window:
    """The window of `timing`.

    Args:
        timing: one of `microbench.measure.timing.TIMINGS`.
        stream: that the runs are enqueued on.
        enqueue: enqueues the next run.
        enqueue_with_copies: enqueues the copy of the inputs, a run, and the copy of the outputs.
        input_sets: over so many copies of the inputs `enqueue` rotates.

    Raises:
        RuntimeError: the runs cannot be captured as a graph, which the kernel span is timed by.
    """
    windows: dict[str, Callable[[], Window]] = {
        KERNEL_SPAN: lambda: KernelSpan(stream, enqueue, input_sets),
        ISOLATED: lambda: Isolated(stream, enqueue),
        END_TO_END: lambda: EndToEnd(stream, enqueue_with_copies),
    }
    return windows[timing]()


def _rough_run_ns(stream: Stream, enqueue: Enqueue, input_sets: int) -> float:
    """Of one run, to size a graph by: after one untimed rotation, as the first run of a model does more than others."""
    for _ in range(input_sets):
        enqueue()
    stream.synchronize()
    return max(Queue(stream, enqueue).time_ns(input_sets, lambda: None) / input_sets, 1.0)
