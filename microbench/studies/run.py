"""`microbench run`: time the experiments' rows that are not recorded yet, and those that follow from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from microbench.experiments.base import Experiment
from microbench.experiments.ceilings import CEILINGS, with_ceilings
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec
from microbench.runs.runner import Plan, Target, run
from microbench.runs.settings import QUICK_FACTOR, Settings, plan_of, with_caches
from microbench.runs.time_limit import TimeLimit
from microbench.studies.isolated import run_isolated

__all__ = ["CEILINGS", "Settings", "run_experiments"]


def run_experiments(
    experiments: Sequence[Experiment],
    settings: Settings,
    on_progress: Callable[[str, float], None] = lambda *_: None,
    limit: TimeLimit | None = None,
) -> dict[str, list[Record]]:
    """Time the experiments' workloads; what can be compared is sampled side by side.

    Args:
        experiments: what to time. The roofline's ceilings are added where an experiment of blocks needs them.
        settings: how.
        on_progress: called with what is being done and its share done, 0 to 1.
        limit: if given, rows that would not end within it are not begun.

    Returns:
        The records by the experiment's name.

    Raises:
        InputError: a runtime, precision, device or policy that cannot be, or a folder that cannot be written.
    """
    experiments = with_ceilings(experiments)
    records: dict[str, list[Record]] = {experiment.name: [] for experiment in experiments}
    # All plans are checked before any of them costs time.
    parts = [(part, _settings_of(experiment, settings)) for experiment in experiments for part in experiment.parts()]
    plans = [(title, group, _plan(group, settings)) for title, group in _groups(experiments)]
    for number, (title, group, plan) in enumerate(plans, start=1):
        stage = f"{title} ({number} of {len(plans)})" if len(plans) > 1 else title
        _add(records, run(plan, _within(stage, on_progress), limit))
        for target in plan.targets:
            while not (settings.quick or _is_up(limit)) and (further := _further(group, records, target, settings)):
                extended = dataclasses.replace(plan, specs=further, targets=[target], fresh=False)
                _add(records, run(extended, _within(f"{stage}, further rows", on_progress), limit))
    for number, (part, own) in enumerate(parts):
        on_progress(f"{part.experiment.name}, process {number + 1} of {len(parts)}", number / len(parts))
        _add(records, run_isolated(part, own, limit))
    return records


def _groups(experiments: Sequence[Experiment]) -> list[tuple[str, list[Experiment]]]:
    """What is sampled side by side, with a title: blocks, whole networks, and alone what has runtimes of its own."""
    shared = [experiment for experiment in experiments if not (experiment.runtimes or experiment.parts())]
    alone = [experiment for experiment in experiments if experiment.runtimes and not experiment.parts()]
    groups = [
        (title, [experiment for experiment in shared if experiment.whole_networks == whole_networks])
        for title, whole_networks in (("blocks", False), ("whole networks", True))
    ]
    return [*((title, group) for title, group in groups if group), *((one.name, [one]) for one in alone)]


def _settings_of(experiment: Experiment, settings: Settings) -> Settings:
    """The settings with what the experiment has of its own, where the user named nothing."""
    if experiment.runtimes and tuple(settings.runtimes) == Settings.runtimes:
        settings = dataclasses.replace(settings, runtimes=experiment.runtimes)
    if settings.row_budget_s is None and experiment.row_budget_s is not None:
        share = QUICK_FACTOR if settings.quick else 1
        settings = dataclasses.replace(settings, row_budget_s=experiment.row_budget_s / share)
    return settings


def _is_up(limit: TimeLimit | None) -> bool:
    return limit is not None and limit.rows_left > 0


def _within(stage: str, on_progress: Callable[[str, float], None]) -> Callable[[str, float], None]:
    return lambda phase, share: on_progress(f"{stage}: {phase}", share)


def _plan(group: Sequence[Experiment], settings: Settings) -> Plan:
    specs = [spec for one in group for spec in (one.quick_specs() if settings.quick else one.specs())]
    return plan_of(specs, _settings_of(group[0], settings), whole_networks=group[0].whole_networks)


def _further(
    group: Sequence[Experiment], records: dict[str, list[Record]], target: Target, settings: Settings
) -> list[WorkloadSpec]:
    specs = [
        spec
        for experiment in group
        for spec in experiment.refine(
            [record for record in records[experiment.name] if record.configuration == target.configuration]
        )
    ]
    return [spec for spec in with_caches(specs, settings) if target.configuration.cache in spec.caches]


def _add(records: dict[str, list[Record]], found: Sequence[Record]) -> None:
    for record in found:
        records[record.experiment].append(record)
