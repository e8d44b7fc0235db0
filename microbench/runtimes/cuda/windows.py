"""The three timings of `microbench.measure.timing`, each as a way to time one window of runs on a stream."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, Callable

from microbench.measure.session import HostClocks, Reading
from microbench.measure.timing import END_TO_END, ISOLATED, KERNEL_SPAN
from microbench.runtimes.cuda.stream import EVENT_RESOLUTION_NS, Launch, Stream, elapsed_ns

MIN_SPAN_NS = 2000 * EVENT_RESOLUTION_NS
"""Runs are timed for at least this long at a time: an event is then off by 0.05%."""
MAX_RUNS_PER_GRAPH = 1000
MAX_COLD_RUNS_PER_GRAPH = 100
"""Each of them has a flush of the cache ahead, which takes some tens of microseconds."""
_NO_START_NS = 5 * MIN_SPAN_NS
"""In a run of this length the start of a graph, some microseconds, is less than 0.1%."""

_FIRST_DELAY_NS = 1_000_000
_LONGEST_DELAY_NS = 64_000_000
_FIRST_BATCH = 32
_MAX_FAILURES = 9
"""In a row, of queueing up ahead of the device: enough to reach the longest delay and a batch of one."""

Enqueue = Callable[[], None]
"""Puts something on the stream, a run above all."""
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

    def __init__(self, stream: Stream, *enqueues: Enqueue, before: Enqueue = lambda: None) -> None:
        """What is launched in turns, and what is enqueued untimed before each launch."""
        self._stream = stream
        self._enqueues = enqueues
        self._before = before
        self._delay_ns = _FIRST_DELAY_NS
        self._batch = _FIRST_BATCH

    def time_ns(self, launches: int, observe: Observe) -> list[int]:
        """The device's time in so many launches of each, by what is launched, without what lies between them.

        Raises:
            RuntimeError: not even one launch can be enqueued ahead of the device.
        """
        totals_ns = [0] * len(self._enqueues)
        done = failures = 0
        while done < launches:
            turns = self._try(min(self._batch, launches - done), observe)
            if turns:
                for index, pairs in enumerate(zip(*turns)):
                    totals_ns[index] += elapsed_ns(self._stream, list(pairs))
                done += len(turns)
                failures = 0
                continue
            failures += 1
            if failures > _MAX_FAILURES:
                raise RuntimeError("the launches of one run cannot be queued up ahead of the device")
            if failures > 1:  # once may be the host's scheduler
                self._try_harder()
        return totals_ns

    def _try(self, launches: int, observe: Observe) -> list[list[tuple[Any, Any]]]:
        """The launches' events, turn by turn, or none if the device began before the host was done."""
        self._stream.delay(self._delay_ns)
        gate = self._stream.mark()
        turns = [[self._timed(enqueue) for enqueue in self._enqueues] for _ in range(launches)]
        was_ahead = not self._stream.passed(gate)
        observe()
        self._stream.synchronize()
        return turns if was_ahead else []

    def _timed(self, enqueue: Enqueue) -> tuple[Any, Any]:
        self._before()
        start = self._stream.mark()
        enqueue()
        return start, self._stream.mark()

    def _try_harder(self) -> None:
        self._delay_ns = min(self._delay_ns * 2, _LONGEST_DELAY_NS)
        # A longer delay alone need not do: the driver's queue holds a thousand or so launches, and a network may take
        # hundreds of them a run.
        self._batch = max(self._batch // 2, 1)


class KernelSpan(Window):
    """Two graphs, of which the longer has so many runs more, timed in turns: the difference is the time of those runs.

    The start of a graph, some microseconds, is in both and cancels out. Where inputs shall be cold, each run has a
    flush of the cache ahead of it, and the shorter graph has the flushes alone.
    """

    def __init__(self, stream: Stream, enqueue: Enqueue, *, cold: bool) -> None:
        """Captures the graphs: long enough for the clock.

        Raises:
            RuntimeError: the runs cannot be captured.
        """
        run_ns = _rough_run_ns(stream, enqueue)
        limit = MAX_COLD_RUNS_PER_GRAPH if cold else MAX_RUNS_PER_GRAPH
        self._runs = min(math.ceil(MIN_SPAN_NS / run_ns), limit)

        def repeated(*enqueues: Enqueue, times: int) -> Launch:
            def enqueue_all() -> None:
                for _ in range(times):
                    for each in enqueues:
                        each()

            return stream.capture(enqueue_all)

        if cold:
            stream.flush()  # allocates its memory, which a capture must not
            graphs = [repeated(stream.flush, enqueue, times=self._runs), repeated(stream.flush, times=self._runs)]
        elif run_ns >= _NO_START_NS:
            graphs = [repeated(enqueue, times=self._runs)]
        else:
            fewer = max(1, self._runs // 4)
            graphs = [repeated(enqueue, times=fewer + self._runs), repeated(enqueue, times=fewer)]
        self._queue = Queue(stream, *graphs)

    def read(self, runs: int, observe: Observe) -> Reading:
        """By the device's clock; as many runs as whole graphs have.

        Raises:
            RuntimeError: the longer graph takes no longer than the shorter.
        """
        launches = math.ceil(runs / self._runs)
        clocks = HostClocks(all_threads=True)
        longer_ns, *shorter_ns = self._queue.time_ns(launches, observe)
        device_ns = longer_ns - sum(shorter_ns)
        if device_ns <= 0:
            raise RuntimeError("graphs of two lengths take the same time: the runs are too short for the clock")
        return dataclasses.replace(clocks.reading(launches * self._runs), device_ns=device_ns)


class Isolated(Window):
    """Single runs, timed one by one."""

    def __init__(self, stream: Stream, enqueue: Enqueue, *, cold: bool) -> None:
        self._queue = Queue(stream, enqueue, before=stream.flush) if cold else Queue(stream, enqueue)

    def read(self, runs: int, observe: Observe) -> Reading:
        """By the device's clock."""
        clocks = HostClocks(all_threads=True)
        (device_ns,) = self._queue.time_ns(runs, observe)
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


def make_window(timing: str, stream: Stream, enqueue: Enqueue, enqueue_with_copies: Enqueue, *, cold: bool) -> Window:
    """The window of `timing`.

    Args:
        timing: one of `microbench.measure.timing.TIMINGS`.
        stream: that the runs are enqueued on.
        enqueue: enqueues a run.
        enqueue_with_copies: enqueues the copy of the inputs, a run, and the copy of the outputs.
        cold: empty the cache before each run.

    Raises:
        RuntimeError: the runs cannot be captured as a graph, which the kernel span is timed by.
    """
    windows: dict[str, Callable[[], Window]] = {
        KERNEL_SPAN: lambda: KernelSpan(stream, enqueue, cold=cold),
        ISOLATED: lambda: Isolated(stream, enqueue, cold=cold),
        END_TO_END: lambda: EndToEnd(stream, enqueue_with_copies),
    }
    return windows[timing]()


def _rough_run_ns(stream: Stream, enqueue: Enqueue) -> float:
    """Of one run, to size a graph by: after an untimed one, as the first run of a model does more than others."""
    enqueue()
    stream.synchronize()
    (run_ns,) = Queue(stream, enqueue).time_ns(1, lambda: None)
    return max(run_ns, 1.0)
