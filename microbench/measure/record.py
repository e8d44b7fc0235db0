"""One row of a results file: what was timed, where, how, and what came out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from microbench.measure.checked import checked, checked_items, from_document
from microbench.measure.environment import Environment
from microbench.measure.interval import Interval
from microbench.measure.jsonlines import DamagedLineError, NewerLineError
from microbench.measure.measurement import (
    Generation,
    Measurement,
    components_of,
    is_precise,
    typical_latency,
    undisturbed_latency,
)
from microbench.measure.noise import SPREAD, spread_reasons
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
        NewerLineError: of a later schema than this program's.
        DamagedLineError: a field, which it names, is missing, unknown, of another type, or has a value that no
            measurement has.
        KeyError, TypeError, ValueError: the document is not a record.
    """
    fields = dict(document)
    schema, experiment = fields.pop("schema"), fields["experiment"]
    if not isinstance(schema, int) or schema < 1 or not isinstance(experiment, str):
        raise TypeError("schema and experiment")
    if schema > SCHEMA:
        raise NewerLineError(f"schema {schema} is newer than this version's {SCHEMA}")
    measurement = fields.pop("measurement", None)
    try:
        record = from_document(Record, fields)
        if measurement is not None:
            record = dataclasses.replace(record, measurement=_measurement_from_json(measurement, schema))
        _check_values(record)
    except ValueError as error:
        raise DamagedLineError(str(error)) from error
    return record


def _check_values(record: Record) -> None:
    """Raise a ValueError that names the field whose value no measurement has."""
    cost, measurement, environment = record.cost, record.measurement, record.environment
    smallest: dict[str, tuple[float, Optional[float]]] = {
        "configuration.threads": (1, record.configuration.threads),
        "environment.cpu_cores": (1, environment.cpu_cores),
        "environment.memory_bytes": (0, environment.memory_bytes),
        **{f"environment.cache_bytes.{name}": (0, size) for name, size in environment.cache_bytes.items()},
    }
    if cost is not None:
        smallest.update({f"cost.{name}": (0, value) for name, value in dataclasses.asdict(cost).items()})
    if measurement is not None:
        for name in ("cpu_ms", "latency_p99_ms", "ci_target"):
            smallest[f"measurement.{name}"] = (0, getattr(measurement, name))
        for name in ("samples", "loads"):
            smallest[f"measurement.{name}"] = (1, getattr(measurement, name))
        for name, value in dataclasses.asdict(measurement.diagnostics).items():
            if not isinstance(value, str):
                smallest[f"measurement.diagnostics.{name}"] = (0, value)
        for name in ("undisturbed", "typical"):
            _check_latency(f"measurement.{name}", getattr(measurement, name))
        if not measurement.generations:
            raise ValueError("measurement.generations must not be empty")
    for name, (least, found) in smallest.items():
        if found is not None and found < least:
            raise ValueError(f"{name} must be at least {least}, not {found!r}")


def _check_latency(field: str, latency: Interval) -> None:
    if not latency.estimate > 0:
        raise ValueError(f"{field}.estimate must be above 0, not {latency.estimate!r}")
    if not 0 <= latency.low <= latency.estimate <= latency.high:
        raise ValueError(f"{field} must have its estimate between its bounds")


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


def _generation_from_json(columns: object, field: str) -> Generation:
    if not isinstance(columns, dict):
        raise ValueError(f"{field} must be an object")
    kinds = {
        **dict.fromkeys(_COLUMNS, int),
        "device_ns": Optional[int],
        "sm_clock_mhz": Optional[int],
        "throttling": Optional[str],
    }
    alone = {"index", "load", "build"}
    for name in columns:
        if name not in kinds and name not in alone:
            raise ValueError(f"{field}.{name} is no field")
    for name in ("index", "load", *_COLUMNS):
        if name not in columns:
            raise ValueError(f"{field}.{name} is missing")
    for name in alone & columns.keys():
        checked(int, columns[name], f"{field}.{name}")
    names = [name for name in kinds if name in columns]
    values = {name: checked_items(kinds[name], columns[name], f"{field}.{name}") for name in names}
    lengths = {len(column) for column in values.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"{field} must have one value for each window in every column")
    readings = tuple(Reading(**dict(zip(names, row))) for row in zip(*values.values()))
    for name, least in (("runs", 1), ("wall_ns", 1), ("cpu_ns", 0), ("preemptions", 0), ("device_ns", 1)):
        if any(value is not None and value < least for value in values.get(name, ())):
            raise ValueError(f"{field}.{name} must be at least {least}")
    return Generation(columns["index"], columns["load"], readings, columns.get("build"))


def _measurement_from_json(document: object, schema: int) -> Measurement:
    if not isinstance(document, dict):
        raise ValueError("measurement must be an object")
    fields = dict(document)
    columns = fields.pop("generations", None)
    if not isinstance(columns, list):
        raise ValueError("measurement.generations must be a list")
    generations = [_generation_from_json(own, f"measurement.generations[{index}]") for index, own in enumerate(columns)]
    if schema == 1:
        # It had one latency, the median of all windows.
        bounds = [fields.pop(f"latency_{name}", None) for name in ("ms", "ci_low_ms", "ci_high_ms")]
        fields["undisturbed"] = fields["typical"] = dict(zip(("estimate", "low", "high"), bounds))
    measurement = from_document(Measurement, {**fields, "generations": []}, "measurement")
    measurement = dataclasses.replace(measurement, generations=tuple(generations))
    return _with_both_latencies(measurement) if schema == 1 and generations else measurement


def _with_both_latencies(measurement: Measurement) -> Measurement:
    """The measurement of schema 1 with all that is derived from its windows derived anew."""
    generations = measurement.generations
    between = round(spread([generation.latencies_ms() for generation in generations]), 4)
    others = tuple(reason for reason in measurement.noise_reasons if not reason.startswith(SPREAD))
    left_alone = undisturbed_latency(generations)
    return dataclasses.replace(
        measurement,
        diagnostics=dataclasses.replace(measurement.diagnostics, spread_between_generations=between),
        noise_reasons=(*others, *spread_reasons(between)),
        undisturbed=left_alone,
        typical=typical_latency(generations),
        converged=is_precise(left_alone, measurement.ci_target),
    )
