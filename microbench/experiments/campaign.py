"""Conduct experiments: settle how each is run, time what is missing, and go on until no experiment asks for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.errors import InputError
from microbench.experiments.base import EXPERIMENTS, Experiment
from microbench.experiments.runner import Plan, Target, run
from microbench.measure.environment import fingerprint
from microbench.measure.record import Record
from microbench.measure.sampler import Policy
from microbench.measure.workload import WorkloadSpec
from microbench.runtimes import AUTO, configure

CEILINGS = "ceilings"

QUICK_FACTOR = 3
"""A quick run's intervals may be this many times wider, and its rows take as much less time."""


@dataclass(frozen=True)
class Settings:
    """What the user asks for, the same for all experiments of a campaign."""

    folder: Path
    """The machine's results folder."""
    runtimes: Sequence[str] = (AUTO,)
    precisions: Sequence[str] = ("fp32",)
    device: str = AUTO
    threads: int | None = None
    """Worker threads on a CPU; if None, one for blocks and all cores for whole networks."""
    ci_target: float | None = None
    """Relative half width of the 95% interval; if None, 1% for blocks and 2% for whole networks."""
    row_budget_s: float | None = None
    """If None, 6 seconds for blocks and 5 for whole networks."""
    quick: bool = False
    """Wider intervals in less time, and no search of widths."""
    fresh: bool = False
    """Measure also what is recorded already."""


def conduct(
    experiments: Sequence[Experiment],
    settings: Settings,
    on_progress: Callable[[str, float], None] = lambda *_: None,
) -> dict[str, list[Record]]:
    """Time the experiments' workloads; what can be compared is sampled side by side.

    Args:
        experiments: what to time. The roofline's ceilings are added where an experiment of blocks needs them.
        settings: how.
        on_progress: called with what is being done and its share done, 0 to 1.

    Returns:
        The records by the experiment's name.

    Raises:
        InputError: a runtime, precision, device or policy that cannot be, or a folder that cannot be written.
    """
    if not all(experiment.whole_networks for experiment in experiments):
        others = [experiment for experiment in experiments if experiment.name != CEILINGS]
        experiments = [*others, EXPERIMENTS.make(CEILINGS)]
    records: dict[str, list[Record]] = {experiment.name: [] for experiment in experiments}
    # One bad setting is told before any of them costs time.
    plans = [
        (group, _plan(group, settings))
        for whole_networks in (False, True)
        if (group := [experiment for experiment in experiments if experiment.whole_networks == whole_networks])
    ]
    for group, plan in plans:
        _add(records, run(plan, on_progress))
        for target in plan.targets:
            while not settings.quick and (further := _further(group, records, target)):
                asked = Plan(further, [target], plan.policy, plan.folder, fresh=False)
                _add(records, run(asked, on_progress))
    return records


def _plan(group: Sequence[Experiment], settings: Settings) -> Plan:
    whole_networks = group[0].whole_networks
    threads = settings.threads
    if threads is None:
        threads = fingerprint().cpu_cores if whole_networks else 1
    return Plan(
        specs=[spec for experiment in group for spec in experiment.specs()],
        targets=[
            Target(*configure(runtime, precision, settings.device, threads))
            for runtime in dict.fromkeys(settings.runtimes)
            for precision in dict.fromkeys(settings.precisions)
        ],
        policy=_policy(settings, whole_networks=whole_networks),
        folder=settings.folder,
        fresh=settings.fresh,
    )


def _policy(settings: Settings, *, whole_networks: bool) -> Policy:
    ci_target, budget_s = (0.02, 5.0) if whole_networks else (0.01, 6.0)
    if settings.quick:
        ci_target, budget_s = ci_target * QUICK_FACTOR, budget_s / QUICK_FACTOR
    if settings.ci_target is not None:
        ci_target = settings.ci_target
    if settings.row_budget_s is not None:
        budget_s = settings.row_budget_s
    if not whole_networks:
        return Policy(ci_target, budget_s)
    # A window is one run of a tenth of a second or more: a few of them in a load say what there is to say of it.
    return Policy(ci_target, budget_s, min_generations=4, max_generations=20, rounds_per_generation=4)


def _further(group: Sequence[Experiment], records: dict[str, list[Record]], target: Target) -> list[WorkloadSpec]:
    return [
        spec
        for experiment in group
        for spec in experiment.refine(
            [record for record in records[experiment.name] if record.configuration == target.configuration]
        )
    ]


def _add(records: dict[str, list[Record]], found: Sequence[Record]) -> None:
    for record in found:
        records[record.experiment].append(record)


def machine_folder(results: Path, machine: str) -> Path:
    """The folder of `machine` in the folder of all results.

    Raises:
        InputError: the name cannot be a folder's, or is the one that the published values lie in.
    """
    if not machine or machine == "paper" or any(character in machine for character in "/\\\0") or machine[0] == ".":
        raise InputError(f"machine {machine!r} cannot name a folder; use letters, digits, '-', '_' and '.'.")
    return results / machine
