"""Run what is planned: build and time what is not recorded yet, and keep every row as soon as it is done."""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, Sequence, Union

from microbench.measure.cold_caches import cold_caches
from microbench.measure.environment import fingerprint
from microbench.measure.grouping import MemoryBudget
from microbench.measure.measurement import Measurement
from microbench.measure.memory import GIB, default_limit_bytes, return_freed_memory
from microbench.measure.record import Configuration, Record, row_key
from microbench.measure.sampler import Failure, Outcome, Policy, Row, one_line, sample
from microbench.measure.session import Session
from microbench.measure.store import RecordStore, read_records
from microbench.measure.timing import COLD
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs.time_limit import TimeLimit, expected_row_s
from microbench.runtimes import Runtime

MAX_INTERLEAVED_ROWS = 96
"""Rows sampled side by side; a larger plan is cut into parts of neighbours, so that a kill costs little."""

_USUAL_WAITING_BYTES = GIB // 4
"""What the models of a plan take themselves, of which the limit for the sessions takes account already."""
_LEAST_LIMIT_BYTES = GIB // 2


@dataclass(frozen=True)
class Target:
    """Where a workload is timed."""

    runtime: Runtime
    configuration: Configuration


@dataclass(frozen=True)
class Plan:
    """What to time, where, how well, and where the records lie."""

    specs: Sequence[WorkloadSpec]
    targets: Sequence[Target]
    policy: Policy
    folder: Path
    """The machine's results folder."""
    fresh: bool = False
    """Measure also what is recorded already."""
    whole_networks: bool = False
    """Whether a run takes a tenth of a second rather than a thousandth."""
    memory_bytes: Optional[int] = None
    """What the models that are loaded at the same time may take; if None, see `measure.memory.default_limit_bytes`."""

    @property
    def rows(self) -> list[PlannedRow]:
        """Each spec in each target, but for devices and states of the caches that are not the spec's."""
        return [
            PlannedRow(spec, target)
            for spec in self.specs
            for target in self.targets
            if target.configuration.cache in spec.caches and target.configuration.device in spec.devices
        ]


@dataclass(frozen=True)
class PlannedRow:
    """What to time, and where."""

    spec: WorkloadSpec
    target: Target

    @property
    def key(self) -> tuple[str, ...]:
        """What its record will be known by; see `Record.key`."""
        return row_key(
            self.spec.experiment,
            self.spec.name,
            self.target.configuration,
            self.target.runtime.version(),
            fingerprint().host,
        )


def run(
    plan: Plan,
    on_progress: Callable[[str, float], None] = lambda *_: None,
    limit: Optional[TimeLimit] = None,
) -> list[Record]:
    """Time what the plan asks for and its records lack.

    Args:
        plan: what to do. A recorded row counts as done if it was measured, converged or not, in as many builds, with an
            interval asked for that is no wider than the plan's; a row that failed is tried again.
        on_progress: called with what is being done and its share done, 0 to 1.
        limit: if given, rows that would not end within it are not begun, and fewer are sampled side by side.

    Returns:
        One record for each spec and target, in the plan's order; none for rows that were not begun.

    Raises:
        InputError: a records file cannot be written or is not one.
    """
    # A width given twice, or a runtime by its name and as "auto", is one row.
    rows = list({row.key: row for row in plan.rows}.values())
    with contextlib.ExitStack() as stack:
        stores = {
            name: stack.enter_context(RecordStore(plan.folder / f"{name}.jsonl"))
            for name in dict.fromkeys(spec.experiment for spec in plan.specs)
        }
        missing = [
            row
            for row in rows
            if plan.fresh or not _is_done(row, stores[row.spec.experiment].get(row.key), plan.policy)
        ]
        for part in _parts(missing) if limit is None else _limited_parts(missing, plan, limit):
            _measure(part, stores, plan, on_progress)
        return [record for row in rows if (record := stores[row.spec.experiment].get(row.key)) is not None]


def _is_done(row: PlannedRow, record: Optional[Record], policy: Policy) -> bool:
    if record is None or record.measurement is None or record.measurement.ci_target > policy.ci_target:
        return False
    builds = {generation.build for generation in record.measurement.generations}
    return len(builds) >= row.target.runtime.min_builds


def _parts(rows: list[PlannedRow]) -> Iterator[list[PlannedRow]]:
    for start in range(0, len(rows), MAX_INTERLEAVED_ROWS):
        yield rows[start : start + MAX_INTERLEAVED_ROWS]


def missing_targets(plan: Plan) -> list[Target]:
    """The target of each row that `run` would time: what the plan asks for and its records lack."""
    known: dict[tuple[str, ...], Record] = {}
    for name in dict.fromkeys(spec.experiment for spec in plan.specs):
        path = plan.folder / f"{name}.jsonl"
        known.update({record.key: record for record in read_records(path)} if path.exists() else {})
    planned = {row.key: row for row in plan.rows}
    return [row.target for row in planned.values() if plan.fresh or not _is_done(row, known.get(row.key), plan.policy)]


def _limited_parts(rows: list[PlannedRow], plan: Plan, limit: TimeLimit) -> Iterator[list[PlannedRow]]:
    """As many rows at a time as end within the limit, by what the parts before took."""
    while rows:
        expected_s = [expected_row_s(plan.policy, row.target.runtime) for row in rows]
        count = limit.fitting(expected_s)
        if not count:
            limit.rows_left += len(rows)
            return
        start_s = time.monotonic()
        yield rows[:count]
        limit.spent(sum(expected_s[:count]), time.monotonic() - start_s)
        rows = rows[count:]


def _measure(
    rows: list[PlannedRow],
    stores: dict[str, RecordStore],
    plan: Plan,
    on_progress: Callable[[str, float], None],
) -> None:
    run_name = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}-{secrets.token_hex(2)}"
    workloads = _build(rows, on_progress)

    def keep(row: PlannedRow, outcome: Outcome) -> None:
        workload = workloads[row.spec.experiment, row.spec.name]
        stores[row.spec.experiment].append(
            Record(
                experiment=row.spec.experiment,
                name=row.spec.name,
                axes=row.spec.axes,
                configuration=row.target.configuration,
                runtime_version=row.target.runtime.version(),
                run=run_name,
                environment=fingerprint(),
                cost=workload.cost if isinstance(workload, Workload) else None,
                measurement=outcome if isinstance(outcome, Measurement) else None,
                error=outcome.message if isinstance(outcome, Failure) else None,
            )
        )

    planned: dict[str, PlannedRow] = {}
    sampled = []
    for row in rows:
        workload = workloads[row.spec.experiment, row.spec.name]
        if isinstance(workload, Failure):
            keep(row, workload)
        else:
            key = "\n".join(row.key)
            planned[key] = row
            runtime = row.target.runtime
            sampled.append(
                Row(
                    key,
                    _Loader(row.target, workload),
                    max_loads=runtime.max_loads,
                    min_builds=runtime.min_builds,
                    compared_in=row.spec.experiment,
                    estimated_bytes=_session_bytes(workload, row.target.configuration.device),
                )
            )
    for threads in {row.target.configuration.threads for row in rows if row.target.configuration.cache == COLD}:
        cold_caches(threads)  # its memory is not the sessions', which is counted from now on
    return_freed_memory()  # exporters leave much behind, which would count as the sessions'
    if sampled:
        sample(
            sampled,
            plan.policy,
            on_outcome=lambda row, outcome: keep(planned[row.key], outcome),
            on_build=lambda row, outcome: keep(planned[row.key], outcome),
            on_progress=lambda share: on_progress("timing", share),
            memory=MemoryBudget(_limit_bytes(workloads.values()) if plan.memory_bytes is None else plan.memory_bytes),
        )


def _limit_bytes(workloads: Iterable[Union[Workload, Failure]]) -> int:
    """What the sessions may take beside the models that wait for their turn."""
    waiting = sum(len(workload.onnx_model) for workload in workloads if isinstance(workload, Workload))
    return max(default_limit_bytes() - max(waiting - _USUAL_WAITING_BYTES, 0), _LEAST_LIMIT_BYTES)


def _session_bytes(workload: Workload, device: str) -> int:
    """What a session may take of the host's memory at most.

    That is the model twice (as read, and as the runtime lays it out), inputs, outputs and, on a CPU, every activation
    as if none were written over another's memory.
    """
    arrays = [*workload.inputs.values(), *workload.reference]
    held = 2 * len(workload.onnx_model) + sum(array.nbytes for array in arrays)
    # Most of the bytes moved are activations, each of which is written once and read at least once.
    return held + (workload.cost.moved_bytes // 2 if device == "cpu" else 0)


@dataclass(frozen=True)
class _Loader:
    target: Target
    workload: Workload

    def __call__(self, layout_seed: int) -> Session:
        return self.target.runtime.load_checked(self.workload, self.target.configuration, layout_seed)


def _build(
    rows: list[PlannedRow], on_progress: Callable[[str, float], None]
) -> dict[tuple[str, str], Union[Workload, Failure]]:
    """Build each spec once; one that cannot be built is that spec's failure, not the run's."""
    specs = {(row.spec.experiment, row.spec.name): row.spec for row in rows}
    needs_module = {(row.spec.experiment, row.spec.name) for row in rows if row.target.runtime.needs_module}
    workloads: dict[tuple[str, str], Union[Workload, Failure]] = {}
    for done, (key, spec) in enumerate(specs.items()):
        on_progress("building", done / len(specs))
        try:
            workload = spec.build()
            workloads[key] = workload if key in needs_module else replace(workload, module=None)
        except Exception as error:
            workloads[key] = Failure(one_line(error))
    return workloads
