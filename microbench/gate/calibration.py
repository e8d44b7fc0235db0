"""`microbench gate --calibrate`: how often the gate errs on this machine, by holding models against themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from microbench.errors import InputError
from microbench.gate.artefact import Artefact
from microbench.gate.conduct import Outcome, Plan, conduct, triple
from microbench.gate.deltas import Replicate, of_triples
from microbench.gate.ledger import Ledger
from microbench.gate.operating import OperatingPoint, operating_points
from microbench.gate.policy import Policy
from microbench.gate.replicates import Crew, Muster, Part
from microbench.gate.sampling import Task
from microbench.gate.sides import Side
from microbench.measure.record import Configuration

SLOWDOWNS = (0.02, 0.05, 0.10)
_STAGE = "pool"

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    pool: int = 60
    """Fresh processes that gates are drawn from."""
    drawn_gates: int = 400
    """Gates drawn from the pool at each slowdown."""
    real_gates: int = 10
    """Whole gates of the models against themselves, each with processes of its own."""
    slowdowns: tuple[float, ...] = SLOWDOWNS
    """That are injected, each as one more identical run in a whole number of them."""

    def __post_init__(self) -> None:
        """Refuse what cannot be injected or drawn."""
        if self.pool < 1 or self.drawn_gates < 1 or self.real_gates < 0:
            raise InputError("pool and drawn gates must be at least 1, real gates at least 0.")
        for slowdown in self.slowdowns:
            if not 0 < slowdown <= 1 or abs(1 / slowdown - round(1 / slowdown)) > 1e-6:
                raise InputError(f"slowdown {slowdown:.3g} must be one more run in a whole number of runs, as 0.05 is.")


QUICK = Extent(pool=24, drawn_gates=200, real_gates=0)


@dataclass(frozen=True)
class Injected:
    """The slowdown that the pool shows where one was injected: the instrument's own check."""

    workload: str
    slowdown: float
    replicates: Sequence[Replicate]


@dataclass(frozen=True)
class Calibration:
    """What came of it."""

    configuration: Configuration
    policy: Policy
    extent: Extent
    points: Sequence[OperatingPoint]
    injected: Sequence[Injected]
    real: Sequence[Outcome]
    failures: Mapping[str, str]
    """The error by workload, or workload and slowdown, of what could not be measured."""


def calibrate(
    side: Side,
    configuration: Configuration,
    policy: Policy,
    extent: Extent,
    folder: Path,
    on_progress: Progress = lambda *_: None,
) -> Calibration:
    """Measure the pool and the real gates, as far as `folder` does not hold them yet, and judge.

    Args:
        side: the models.
        configuration: in which they are run.
        policy: the gate's.
        extent: how much is measured.
        folder: keeps the processes; stopped, the same call goes on from there.
        on_progress: called with what is being done and its share done, 0 to 1.

    Raises:
        InputError: no model can be measured, or the pool is too small.
    """
    if extent.pool < 2 * policy.sampling.processes:
        raise InputError(
            f"pool must be at least {2 * policy.sampling.processes} processes, for a gate and its confirmation, "
            f"not {extent.pool}."
        )
    policy.rule.require_power(policy.sampling.processes, max(len(side.models), 1))
    plan = Plan(side, side, configuration, policy)
    key = plan.key()
    muster = Muster(Crew(f"pool-{key}", key, configuration, policy.sampling), Ledger(folder / "pool.jsonl"))
    tasks = [
        _task(name, model, slowdown) for name, model in side.models.items() for slowdown in (0.0, *extent.slowdowns)
    ]
    parts = [Part(_STAGE, index) for index in range(extent.pool)]
    found = muster.run(parts, {"both": tasks}, on_progress)
    pool = {
        name: {
            slowdown: [of_triples(found[label][part]) for part in parts]
            for slowdown in (0.0, *extent.slowdowns)
            if (label := _label(name, slowdown)) in found
        }
        for name in side.models
        if name in found
    }
    if not pool:
        raise InputError("no model could be measured: " + "; ".join({**side.refused, **muster.failures}.values()))
    on_progress("drawing", 0)
    points = operating_points(pool, policy.rule, processes=policy.sampling.processes, gates=extent.drawn_gates)
    ledger = Ledger(folder / "real.jsonl")
    real = [
        conduct(replace(plan, gate=f"real-{key}-{index}"), ledger, on_progress) for index in range(extent.real_gates)
    ]
    injected = [
        Injected(name, slowdown, own) for name, by_slowdown in pool.items() for slowdown, own in by_slowdown.items()
    ]
    failures = {**side.refused, **muster.failures}
    return Calibration(configuration, policy, extent, points, injected, real, failures)


def _task(name: str, model: Artefact, slowdown: float) -> Task:
    return triple(_label(name, slowdown), model, model, round(1 / slowdown) if slowdown else None)


def _label(name: str, slowdown: float) -> str:
    return f"{name} {slowdown:+.0%}" if slowdown else name
