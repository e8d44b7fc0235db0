"""The inference runtimes, one file each, behind `Runtime`.

Like the instrument, this floor reads on Python 3.9 and imports no torch but in the files that wrap torch's runtimes.
"""

from __future__ import annotations

from microbench.errors import InputError, one_of, require_positive
from microbench.measure.record import Configuration
from microbench.measure.timing import CACHE_STATES, COLD, END_TO_END, HOT, L2_STATES
from microbench.runtimes.base import RUNTIMES, Runtime

__all__ = ["AUTO", "Runtime", "configure", "get", "names"]

RUNTIMES.discover(__name__, __path__)

AUTO = "auto"
"""TensorRT where a device and the library are there, else ONNX Runtime on the CPU."""


def names() -> tuple[str, ...]:
    """The names of all runtimes, available or not."""
    return RUNTIMES.names


def get(name: str) -> Runtime:
    """The runtime called `name`, available or not.

    Raises:
        InputError: no such runtime.
    """
    if name == AUTO:
        tensorrt = RUNTIMES.make("tensorrt")
        return tensorrt if tensorrt.missing("cuda") is None else RUNTIMES.make("onnxruntime")
    if name not in RUNTIMES:
        raise one_of("runtime", name, (AUTO, *sorted(RUNTIMES.names)))
    return RUNTIMES.make(name)


def configure(
    name: str,
    precision: str,
    device: str,
    threads: int,
    timing: str = AUTO,
    l2: str = HOT,
    cache: str = HOT,
) -> tuple[Runtime, Configuration]:
    """The runtime called `name` and the configuration that it is asked to run in.

    Args:
        name: a runtime's name, or "auto".
        precision: one of the runtime's precisions.
        device: "cpu", "cuda", or "auto" for the first of the runtime's devices that is there.
        threads: worker threads on a CPU, at least 1.
        timing: one of the runtime's timings (see `microbench.measure.timing`), or "auto" for the first of them: the
            kernel span on a GPU.
        l2: "hot", or "cold" to find the inputs outside the GPU's cache in each run.
        cache: "hot", or "cold" to find the inputs outside the processor's caches in each run.

    Raises:
        InputError: the runtime, precision, device or timing is unknown to it, or it is not available here.
    """
    require_positive("threads", threads)
    runtime = get(name)
    devices = tuple(runtime.precisions)
    if device == AUTO:
        device = next((d for d in devices if runtime.missing(d) is None), devices[0])
    if device not in devices:
        raise one_of(f"device of runtime {runtime.name!r}", device, devices)
    if precision not in runtime.precisions[device]:
        raise one_of(f"precision of runtime {runtime.name!r} on {device}", precision, runtime.precisions[device])
    if timing == AUTO:
        timing = runtime.timings[device][0]
    if timing not in runtime.timings[device]:
        raise one_of(f"timing of runtime {runtime.name!r} on {device}", timing, (AUTO, *runtime.timings[device]))
    if l2 not in L2_STATES:
        raise one_of("l2", l2, L2_STATES)
    if l2 == COLD and timing == END_TO_END:
        raise InputError("l2 'cold' goes with the timings kernel_span and isolated alone: a copy warms the cache.")
    if cache not in CACHE_STATES:
        raise one_of("cache", cache, CACHE_STATES)
    if cache == COLD and device != "cpu":
        raise InputError("cache 'cold' goes with the device cpu alone: on a GPU, give l2 'cold'.")
    reason = runtime.missing(device) or runtime.broken()
    if reason is not None:
        raise InputError(f"runtime {runtime.name!r} is not available on {device}: {reason}; {runtime.install}.")
    return runtime, Configuration(runtime.name, precision, device, threads, timing, l2, cache)
