"""`microbench gate --calibrate`: the gate's error rates on this machine, by comparing models with themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from microbench.errors import InputError
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.drawn_gates import DetectionRate, Pool, detection_rates, require_pool
from microbench.gate.ledger import Ledger
from microbench.gate.model_set import ModelSet
from microbench.gate.plan import GatePlan
from microbench.gate.processes import GateIdentity, ProcessId, ProcessRunner, Progress, no_progress
from microbench.gate.replicate import Replicate, replicate_from_triples
from microbench.gate.result import GateResult
from microbench.gate.run import run
from microbench.gate.sampling_plan import SamplingPlan
from microbench.gate.stage import triple
from microbench.measure.record import Configuration

SLOWDOWNS = (0.02, 0.05, 0.10)
_STAGE = "pool"
_MOST = 10_000
"""Processes or gates: more would take weeks."""


@dataclass(frozen=True)
class CalibrationSize:
    """How much a calibration measures."""

    pool: int = 60
    """Fresh processes that gates are drawn from."""
    drawn_gates: int = 400
    """Gates drawn from the pool at each slowdown."""
    real_gates: int = 10
    """Whole gates of the models against themselves, each with processes of its own."""
    slowdowns: tuple[float, ...] = SLOWDOWNS
    """To inject, each as one more identical run in a whole number of them."""

    def __post_init__(self) -> None:
        """Refuse what cannot be injected or drawn."""
        if not 1 <= self.pool <= _MOST or not 1 <= self.drawn_gates <= _MOST or not 0 <= self.real_gates <= _MOST:
            raise InputError(f"pool and drawn gates must be 1 to {_MOST}, real gates 0 to {_MOST}.")
        for slowdown in self.slowdowns:
            if not 1e-4 <= slowdown <= 1 or abs(1 / slowdown - round(1 / slowdown)) > 1e-6:
                raise InputError(
                    f"slowdown {slowdown:.3g} must be one more run in a whole number of runs, up to 10,000, as 0.05 is."
                )


QUICK = CalibrationSize(pool=24, drawn_gates=200, real_gates=0)


@dataclass(frozen=True)
class InjectedSlowdown:
    """What the pool measured of one injected slowdown: a check of the instrument itself."""

    workload: str
    slowdown: float
    replicates: Sequence[Replicate]


@dataclass(frozen=True)
class Calibration:
    """The gate's error rates, and what they follow from."""

    configuration: Configuration
    sampling: SamplingPlan
    rule: DecisionRule
    size: CalibrationSize
    rates: Sequence[DetectionRate]
    injected: Sequence[InjectedSlowdown]
    real: Sequence[GateResult]
    failures: Mapping[str, str]
    """The error by workload, or workload and slowdown, of what could not be measured."""


def calibrate(
    models: ModelSet,
    configuration: Configuration,
    sampling: SamplingPlan,
    rule: DecisionRule,
    size: CalibrationSize,
    folder: Path,
    on_progress: Progress = no_progress,
) -> Calibration:
    """Measure the pool and the real gates as far as `folder` lacks them, and count how the gates end.

    Args:
        models: that are compared with themselves.
        configuration: in which they are run.
        sampling: the gate's.
        rule: the gate's.
        size: how much is measured.
        folder: keeps the processes; after an interruption the same call resumes.
        on_progress: called before each process.

    Raises:
        InputError: no model can be measured, or the pool is too small.
    """
    require_pool(size.pool, sampling.processes)
    rule.require_power(sampling.processes, max(len(models.models), 1))
    plan = GatePlan(models, models, configuration, sampling, rule)
    key = plan.key()
    with contextlib.ExitStack() as stack:
        # Both files are opened before anything is measured, so that one which another run is writing costs no time.
        ledger, real_ledger = (stack.enter_context(Ledger(folder / f"{name}.jsonl")) for name in ("pool", "real"))
        identity = GateIdentity(f"pool-{key}", key, configuration, sampling)
        runner = ProcessRunner(identity, ledger)
        pool = _measure_pool(models, size, runner, on_progress)
        failures = {**models.refused, **runner.failures}
        if not pool:
            raise InputError("no model could be measured: " + "; ".join(failures.values()))
        on_progress("drawing", 0)
        rates = detection_rates(pool, rule, processes=sampling.processes, gates=size.drawn_gates)
        real = [
            run(replace(plan, name=f"real-{key}-{index}"), real_ledger, on_progress) for index in range(size.real_gates)
        ]
    injected = [
        InjectedSlowdown(name, slowdown, own)
        for name, by_slowdown in pool.items()
        for slowdown, own in by_slowdown.items()
    ]
    return Calibration(configuration, sampling, rule, size, rates, injected, real, failures)


def _measure_pool(models: ModelSet, size: CalibrationSize, runner: ProcessRunner, on_progress: Progress) -> Pool:
    """Each model as it is and with each injected slowdown, in every process."""
    slowdowns = (0.0, *size.slowdowns)
    tasks = [
        triple(_task_name(name, slowdown), model, model, round(1 / slowdown) if slowdown else None)
        for name, model in models.models.items()
        for slowdown in slowdowns
    ]
    processes = [ProcessId(_STAGE, index) for index in range(size.pool)]
    found = runner.run(processes, {"both": tasks}, on_progress)
    return {
        name: {
            slowdown: [replicate_from_triples(found[task][process]) for process in processes]
            for slowdown in slowdowns
            if (task := _task_name(name, slowdown)) in found
        }
        for name in models.models
        if name in found
    }


def _task_name(workload: str, slowdown: float) -> str:
    return f"{workload} {slowdown:+.0%}" if slowdown else workload
