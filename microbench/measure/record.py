"""One row of a results file: what was timed, where, how, and what came out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from microbench.measure.environment import Environment
from microbench.measure.gpu import Gpu
from microbench.measure.interval import Interval
from microbench.measure.measurement import (
    Generation,
    Measurement,
    components_of,
    is_precise,
    typical_latency,
    undisturbed_latency,
)
from microbench.measure.noise import SPREAD, Diagnostics, spread_reasons
from microbench.measure.session import Reading
from microbench.measure.statistics import spread
from microbench.measure.timing import END_TO_END, HOT
from microbench.measure.workload import Axis, Cost

SCHEMA = 2
"""Raised when a line of a records file changes its meaning. What is added later is optional, and has a default.

1: one latency, the median of all windows. 2: an undisturbed and a typical one. Lines of schema 1 are still read: both
latencies are computed from their windows.
"""

_COLUMNS = ("runs", "wall_ns", "cpu_ns", "preemptions", "device_ns")
_GPU_COLUMNS = ("sm_clock_mhz", "throttling")
"""Of a reading; these only where a device told."""


@dataclass(frozen=True)
class Configuration:
    """How a workload is run."""

    runtime: str
    precision: str = "fp32"
    device: str = "cpu"
    threads: int = 1
    """Worker threads on a CPU; says nothing on a GPU."""
    timing: str = END_TO_END
    """What the latency is the latency of; see `microbench.measure.timing`."""
    l2: str = HOT
    """Whether a run finds its inputs in the GPU's cache; see there."""
    cache: str = HOT
    """Whether a run on a CPU finds its inputs and weights in the processor's caches; see there."""


@dataclass(frozen=True)
class Record:
    """A measurement, or the error in its place, with all that is needed to judge it."""

    experiment: str
    name: str
    axes: Mapping[str, Axis]
    configuration: Configuration
    runtime_version: str
    run: str
    """Rows with the same run were sampled interleaved, so that their ratios are free of drift."""
    environment: Environment
    cost: Optional[Cost] = None
    measurement: Optional[Measurement] = None
    error: Optional[str] = None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the row: a record with the same key measures the same thing on the same machine."""
        c = self.configuration
        return row_key(self.experiment, self.name, c, self.runtime_version, self.environment.host)

    @property
    def efficiency_mmacs_per_ms(self) -> Optional[float]:
        """FLOPs-efficiency of the paper's section 3.2 ("MFLOPs/ms"), which counts multiply-accumulates: MMACs/ms."""
        return _efficiency(self.cost, self.measurement.latency_ms if self.measurement else None)

    def as_row(self) -> dict[str, Any]:
        """The record flat, for tables and `--json`: one value a column, None where there is nothing to say."""
        return {
            "name": self.name,
            **self.axes,
            **dataclasses.asdict(self.configuration),
            **_measured_columns(self.measurement),
            **_cost_columns(self.cost, self.measurement),
            "error": self.error,
            "experiment": self.experiment,
            "run": self.run,
            "runtime_version": self.runtime_version,
            "host": self.environment.host,
        }


def _measured_columns(measurement: Optional[Measurement]) -> dict[str, Any]:
    m = measurement
    components = components_of(m.generations) if m else None
    return {
        "latency_ms": m.latency_ms if m else None,
        "latency_ci_low_ms": m.latency_ci_low_ms if m else None,
        "latency_ci_high_ms": m.latency_ci_high_ms if m else None,
        "typical_ms": m.typical.estimate if m else None,
        "typical_ci_low_ms": m.typical.low if m else None,
        "typical_ci_high_ms": m.typical.high if m else None,
        "latency_p99_ms": m.latency_p99_ms if m else None,
        "cpu_ms": m.cpu_ms if m else None,
        "clock": m.clock if m else None,
        "samples": m.samples if m else 0,
        "loads": m.loads if m else 0,
        "spread_between_generations": m.diagnostics.spread_between_generations if m else None,
        "spread_between_builds": m.diagnostics.spread_between_builds if m else None,
        "spread_of_builds": components.builds if components else None,
        "spread_of_loads": components.loads if components else None,
        "spread_of_windows": components.windows if components else None,
        "sm_clock_mhz": m.diagnostics.sm_clock_mhz if m else None,
        "throttled_windows": m.diagnostics.throttled_windows if m else None,
        "peak_resident_bytes": m.diagnostics.peak_resident_bytes if m else None,
        "converged": m.converged if m else False,
        "noisy": m.noisy if m else False,
        "noise_reasons": list(m.noise_reasons) if m else [],
    }


def _cost_columns(cost: Optional[Cost], m: Optional[Measurement]) -> dict[str, Any]:
    return {
        "macs": cost.macs if cost else None,
        "parameters": cost.parameters if cost else None,
        "moved_bytes": cost.moved_bytes if cost else None,
        "efficiency_mmacs_per_ms": _efficiency(cost, m.latency_ms if m else None),
        "efficiency_ci_low_mmacs_per_ms": _efficiency(cost, m.latency_ci_high_ms if m else None),
        "efficiency_ci_high_mmacs_per_ms": _efficiency(cost, m.latency_ci_low_ms if m else None),
    }


def row_key(
    experiment: str, name: str, configuration: Configuration, runtime_version: str, host: str
) -> tuple[str, ...]:
    """The identity of a row, also of one that is not measured yet."""
    c = configuration
    return (
        experiment, name, c.runtime, runtime_version, c.precision, c.device, str(c.threads), c.timing, c.l2, c.cache,
        host,
    )  # fmt: skip


def _efficiency(cost: Optional[Cost], latency_ms: Optional[float]) -> Optional[float]:
    return cost.macs / 1e6 / latency_ms if cost is not None and latency_ms else None


def to_json(record: Record) -> dict[str, Any]:
    """The record as plain JSON values; times of the single windows as integers of nanoseconds, exactly as read."""
    document = {"schema": SCHEMA, **dataclasses.asdict(record)}
    if record.measurement is not None:
        document["measurement"]["generations"] = [_generation_to_json(g) for g in record.measurement.generations]
    return document


def from_json(document: Mapping[str, Any]) -> Record:
    """The record that `to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: the document is not a record of this schema.
    """
    fields = dict(document)
    schema = fields.pop("schema")
    if schema not in (1, SCHEMA):
        raise ValueError(f"schema {schema!r} is neither 1 nor {SCHEMA}")
    environment = dict(fields["environment"])
    environment["cpu_flags"] = tuple(environment["cpu_flags"])
    if environment.get("gpu") is not None:
        environment["gpu"] = Gpu(**environment["gpu"])
    fields["environment"] = Environment(**environment)
    fields["configuration"] = Configuration(**fields["configuration"])
    fields["cost"] = None if fields["cost"] is None else Cost(**fields["cost"])
    if fields["measurement"] is not None:
        fields["measurement"] = _measurement_from_json(fields["measurement"], schema)
    return Record(**fields)


def _generation_to_json(generation: Generation) -> dict[str, Any]:
    # By columns: a row has hundreds of windows, and their field names would be most of the file.
    readings = generation.readings
    columns: dict[str, Any] = {"index": generation.index, "load": generation.load}
    if generation.build is not None:
        columns["build"] = generation.build
    for name in _COLUMNS:
        columns[name] = [getattr(reading, name) for reading in readings]
    for name in _GPU_COLUMNS:
        values = [getattr(reading, name) for reading in readings]
        if any(value is not None for value in values):
            columns[name] = values
    return columns


def _generation_from_json(columns: Mapping[str, Any]) -> Generation:
    names = [*_COLUMNS, *(name for name in _GPU_COLUMNS if name in columns)]
    readings = tuple(Reading(**dict(zip(names, values))) for values in zip(*(columns[name] for name in names)))
    return Generation(columns["index"], columns["load"], readings, columns.get("build"))


def _measurement_from_json(document: Mapping[str, Any], schema: int) -> Measurement:
    fields = dict(document)
    fields["diagnostics"] = Diagnostics(**fields["diagnostics"])
    fields["noise_reasons"] = tuple(fields["noise_reasons"])
    fields["generations"] = tuple(_generation_from_json(columns) for columns in fields["generations"])
    if fields.get("builds") is not None:
        fields["builds"] = tuple(fields["builds"])
    if schema == 1:
        return _with_both_latencies(fields)
    fields["undisturbed"], fields["typical"] = (Interval(**fields[name]) for name in ("undisturbed", "typical"))
    return Measurement(**fields)


def _with_both_latencies(fields: dict[str, Any]) -> Measurement:
    """The measurement of schema 1, which had one latency, with all that is derived from its windows derived anew."""
    for name in ("latency_ms", "latency_ci_low_ms", "latency_ci_high_ms"):
        del fields[name]
    generations = fields["generations"]
    between = round(spread([generation.latencies_ms() for generation in generations]), 4)
    fields["diagnostics"] = dataclasses.replace(fields["diagnostics"], spread_between_generations=between)
    others = tuple(reason for reason in fields["noise_reasons"] if not reason.startswith(SPREAD))
    fields["noise_reasons"] = (*others, *spread_reasons(between))
    fields["undisturbed"], fields["typical"] = undisturbed_latency(generations), typical_latency(generations)
    fields["converged"] = is_precise(fields["undisturbed"], fields["ci_target"])
    return Measurement(**fields)
