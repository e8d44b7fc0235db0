"""What one process measures: the arms of a workload, each loaded separately, timed in turns in random order.

Like the instrument, this reads on Python 3.9 and needs NumPy and the runtime alone, as each side may have an
interpreter of its own.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.gate.inputs import ModelInput
from microbench.gate.sampling_plan import SamplingPlan
from microbench.measure.record import Configuration
from microbench.measure.session import Reading, Session
from microbench.measure.workload import Cost, Workload
from microbench.runtimes import Runtime
from microbench.runtimes.base import placed

_WINDOW_MARGIN = 1.1
"""Windows are planned this much longer than the shortest that is allowed, as runs vary."""
_PADS = 16
_PAD_BYTES = (64, 2**16)
"""Before each load, this many blocks of a random size are taken from the heap, for a random memory layout."""
_LONGEST_INJECTED_WINDOW_NS = 250e6
_COLUMNS = ("runs", "wall_ns", "cpu_ns", "preemptions", "device_ns")


@dataclass(frozen=True)
class Arm:
    """One load of one model, timed in turns with the others of its task."""

    name: str
    model: str
    """Path of an ONNX file."""
    load: int = 0
    """Arms of the same model and the same load share a session."""
    one_more_in: int | None = None
    """Injects a slowdown of 1/n: one run more in each n, which does not count as a run. On a CPU it is really run; a
    device's windows are whole graphs, whose times are scaled."""


@dataclass(frozen=True)
class Task:
    """One workload's arms."""

    workload: str
    inputs: Mapping[str, ModelInput]
    arms: Sequence[Arm]
    """The outputs of the first are the reference for the others'."""


class OutputMismatchError(ValueError):
    """Two arms compute outputs of different shapes, so that their times cannot be compared."""


def sample_task(
    runtime: Runtime, configuration: Configuration, task: Task, sampling: SamplingPlan, rng: np.random.Generator
) -> dict[str, Any]:
    """Load and time a workload's arms.

    Returns:
        JSON values for each arm: its windows in the order of the rounds ("runs", "wall_ns", "cpu_ns", "preemptions",
        "device_ns" as lists), the `clock` that decides, the runs of a window that were requested (`asked`) and those
        that count (`nominal`), which differ if a slowdown is injected, and the difference of its outputs from the first
        arm's.

    Raises:
        OutputMismatchError: an arm's outputs differ in number or shape from the first arm's.
        Exception: any that the runtime raises for a model that it cannot load or run.
    """
    inputs = {name: model_input.draw(rng) for name, model_input in task.inputs.items()}
    keys = list(dict.fromkeys((arm.model, arm.load) for arm in task.arms))
    sessions: dict[tuple[str, int], Session] = {}
    padding = []
    with contextlib.ExitStack() as stack:
        # Load
        for index in rng.permutation(len(keys)).tolist():
            model, load = keys[index]
            padding.append([np.ones(size, np.uint8) for size in rng.integers(*_PAD_BYTES, _PADS).tolist()])
            workload = Workload(task.workload, Path(model).read_bytes(), inputs, (), Cost(0, 0, 0))
            at_random_places = {name: placed(values, rng) for name, values in inputs.items()}
            session = runtime.load(workload, configuration, at_random_places)
            stack.callback(session.close)
            sessions[model, load] = session
        arms = [sessions[arm.model, arm.load] for arm in task.arms]
        differences = _compare_outputs(task.arms, arms)

        # Warm up
        clock = deciding_clock(configuration, arms[0])
        run_ns = min(_warm_up(sessions[key], clock, sampling) for key in keys)
        nominal = _runs_per_window(run_ns, sampling, task.arms)

        # Sample
        asked = [nominal + (nominal // arm.one_more_in if arm.one_more_in else 0) for arm in task.arms]
        rounds = _take_rounds(arms, asked, sampling, rng)
    return {
        arm.name: {
            "clock": clock,
            "nominal": nominal,
            "asked": asked[index],
            "output_difference": differences[index],
            **{column: [getattr(readings[index], column) for readings in rounds] for column in _COLUMNS},
        }
        for index, arm in enumerate(task.arms)
    }


def _compare_outputs(arms: Sequence[Arm], sessions: Sequence[Session]) -> list[float | None]:
    """Root mean square of each arm's difference from the first arm's outputs, as a share of these; None for a NaN."""
    differences: list[float | None] = []
    reference: tuple[NDArray[Any], ...] = ()
    for arm, session in zip(arms, sessions):  # noqa: B905 - Python 3.9
        session.enqueue(1)
        session.synchronize()
        outputs = session.outputs()
        reference = reference or outputs
        shapes, expected = ([list(output.shape) for output in each] for each in (outputs, reference))
        if shapes != expected:
            raise OutputMismatchError(
                f"outputs of arm {arm.name!r} have the shapes {shapes}, those of {arms[0].name!r} {expected}"
            )
        values, wanted = (
            np.concatenate([np.ravel(o).astype(np.float64) for o in each]) for each in (outputs, reference)
        )
        difference = float(np.linalg.norm(values - wanted)) / (float(np.linalg.norm(wanted)) or 1.0)
        differences.append(difference if math.isfinite(difference) else None)
    return differences


def deciding_clock(configuration: Configuration, session: Session) -> str:
    """The clock by which the verdict is reached, as the name of a column.

    The device's own if the session reads it. On one thread of a CPU, the thread's CPU time, which other tasks do not
    disturb. With several threads, or a host that waits for a device, the wall clock: many runtimes spin while they
    wait, and CPU time would count that.
    """
    if session.read(1).device_ns is not None:
        return "device_ns"
    return "cpu_ns" if configuration.device == "cpu" and not session.worker_threads else "wall_ns"


def _warm_up(session: Session, clock: str, sampling: SamplingPlan) -> float:
    """Run until the warm-up's time is over; returns the nanoseconds of one run."""
    end = time.perf_counter() + sampling.warm_up_ms / 1e3
    runs = 1
    reading = session.read(runs)
    while time.perf_counter() < end:
        if getattr(reading, clock) < sampling.min_window_ms * 1e6:
            runs *= 2
        reading = session.read(runs)
    return max(float(getattr(reading, clock)), 1.0) / reading.runs


def _runs_per_window(run_ns: float, sampling: SamplingPlan, arms: Sequence[Arm]) -> int:
    """As many for all arms as the fastest needs; with an injected slowdown of 1/n, a multiple of n."""
    needed = math.ceil(sampling.min_window_ms * 1e6 * _WINDOW_MARGIN / run_ns)
    step = math.lcm(*(arm.one_more_in or 1 for arm in arms))
    if step > 1 and step * run_ns > _LONGEST_INJECTED_WINDOW_NS:
        raise ValueError(f"too slow to inject one run in {step}: a run takes {run_ns / 1e6:.3g} ms")
    return math.ceil(needed / step) * step


def _take_rounds(
    sessions: Sequence[Session], asked: Sequence[int], sampling: SamplingPlan, rng: np.random.Generator
) -> list[list[Reading]]:
    """One window of each arm a round, in random order; a round in which the device was throttled is dropped."""
    rounds = []
    # A garbage collection in the middle of a window would be timed with it.
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + sampling.budget_s
        for taken in range(sampling.triples):
            if taken >= sampling.fewest_triples and time.perf_counter() > end:
                break
            by_arm = {index: sessions[index].read(asked[index]) for index in rng.permutation(len(sessions)).tolist()}
            if not any(reading.throttling for reading in by_arm.values()):
                rounds.append([by_arm[index] for index in range(len(sessions))])
    finally:
        gc.enable()
    if not rounds:
        raise RuntimeError("the device was throttled in every window")
    return rounds
