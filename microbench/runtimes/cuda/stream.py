"""What the GPU clock asks of a device: one stream, events on it, graphs, and a way to hold it up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable

EVENT_RESOLUTION_NS = 500
"""Of an event's time stamp."""

FLUSHED_CACHE_SIZES = 2
"""So many times the L2 cache are overwritten to empty it."""

Launch = Callable[[], None]


class Stream(ABC):
    """A stream of a device: what is enqueued on it runs in order, while the host goes on."""

    @abstractmethod
    def mark(self) -> Any:
        """Enqueue an event that takes the device's time when everything before it has ended; returns the event."""

    @abstractmethod
    def passed(self, event: Any) -> bool:
        """Whether the device has reached `event`; returns at once."""

    @abstractmethod
    def elapsed_ms(self, start: Any, end: Any) -> float:
        """The device's time between two events that it has passed.

        CUDA gives it as a float32 of milliseconds, in steps of half a microsecond; from 4 s on float32's own steps are
        coarser than that. So long stretches are to be added up from short ones.
        """

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until everything enqueued has ended."""

    @abstractmethod
    def delay(self, duration_ns: int) -> None:
        """Enqueue a kernel that does nothing for `duration_ns`, so that what follows it queues up."""

    @abstractmethod
    def flush(self) -> None:
        """Enqueue the overwriting of more memory than the L2 cache holds, so that nothing else is left in it.

        As nvbench does before each of its cold measurements, by a memset.
        """

    @abstractmethod
    def capture(self, enqueue: Callable[[], None]) -> Launch:
        """A CUDA graph of what `enqueue` puts on the stream; calling it enqueues the graph.

        Raises:
            RuntimeError: something in it cannot be captured.
        """


def capture_error(error: Exception) -> RuntimeError:
    """What to raise where a capture ended in `error`; ending one that has failed fails too: the first is the cause."""
    return RuntimeError(f"the runs cannot be captured as a CUDA graph: {error.__context__ or error}")


def elapsed_ns(stream: Stream, pairs: list[tuple[Any, Any]]) -> int:
    """The sum of the times between the events of each pair, each rounded by itself."""
    return sum(round(stream.elapsed_ms(start, end) * 1e6) for start, end in pairs)
