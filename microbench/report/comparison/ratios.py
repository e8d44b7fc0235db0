"""Compare sets of records row by row: the ratio of each latency to the first set's."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from microbench.errors import InputError, one_of
from microbench.measure.interval import Interval
from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.measure.statistics import unpaired_ratio_interval
from microbench.report.comparison.selection import RecordSelection
from microbench.report.labels import configuration_label

ALLOWED = ("host", "version", "runtime", "precision", "threads")
"""What may differ between two compared rows, if a user asks for it."""

_GIVEN_BY_RUNTIME = ("runtime", "device", "timing", "l2", "cache")
_NAMED = 6
"""How many rows a sentence names before it counts the rest."""

RowName = tuple[str, ...]


@dataclass(frozen=True)
class ComparedLatency:
    """One set's latency of a row, and its ratio to the first set's."""

    target: str
    """What it was run in, in words."""
    latency_ms: float
    ratio: Interval
    """Of this latency over the first set's."""
    noisy: bool


@dataclass(frozen=True)
class ComparedRow:
    """One row that the first set and at least one other measured."""

    experiment: str
    name: str
    latencies: tuple[ComparedLatency | None, ...]
    """In the order of the sets; None of one that lacks it."""

    @property
    def noisy(self) -> bool:
        """Whether any set's latency of it was flagged."""
        return any(latency.noisy for latency in self.latencies if latency)


@dataclass(frozen=True)
class Comparison:
    """All rows that can be compared, and what the sets lack."""

    labels: tuple[str, ...]
    """The sets' names; ratios are over the first one."""
    rows: tuple[ComparedRow, ...]
    lacking: Mapping[str, tuple[str, ...]]
    """By set, the rows that another one measured and it did not."""

    @property
    def largest_quiet_difference(self) -> float | None:
        """The largest |ratio - 1| among the rows that are noisy in no set."""
        quiet = [latency for row in self.rows if not row.noisy for latency in row.latencies if latency]
        return max((abs(latency.ratio.estimate - 1) for latency in quiet), default=None)

    def mean_ratios(self) -> dict[str, float]:
        """By set but the first: the geometric mean of the ratios over all rows that it shares with the first."""
        found = {}
        for place, label in list(enumerate(self.labels))[1:]:
            logs = [math.log(latency.ratio.estimate) for row in self.rows if (latency := row.latencies[place])]
            if logs:
                found[label] = math.exp(sum(logs) / len(logs))
        return found

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "sets": list(self.labels),
            "rows": [asdict(row) for row in self.rows],
            "lacking": {label: list(names) for label, names in self.lacking.items()},
            "mean_ratios": self.mean_ratios(),
            "largest_quiet_difference": self.largest_quiet_difference,
        }

    def values(self) -> pd.DataFrame:
        """One line for each row and set that measured it."""
        return pd.DataFrame(
            [
                {"experiment": row.experiment, "name": row.name, "set": label, **_flat(latency)}
                for row in self.rows
                for label, latency in zip(self.labels, row.latencies, strict=True)
                if latency is not None
            ]
        )

    def table(self) -> pd.DataFrame:
        """For people."""
        columns: dict[str, list[str]] = {"name": [f"{row.experiment} {row.name}" for row in self.rows]}
        columns["runtime"] = [_targets(row) for row in self.rows]
        for place, label in enumerate(self.labels):
            columns[f"{label}, ms"] = [_text(row.latencies[place], "{:.4g}", "latency_ms") for row in self.rows]
        for place, label in list(enumerate(self.labels))[1:]:
            columns[f"{label} / {self.labels[0]}"] = [_ratio_text(row.latencies[place]) for row in self.rows]
        columns["remarks"] = [self._remark(row) for row in self.rows]
        return pd.DataFrame(columns)

    def summary(self) -> str:
        """The largest difference, the mean ratios, and what could not be compared, in words."""
        quiet = [row for row in self.rows if not row.noisy]
        largest = self.largest_quiet_difference
        parts = [
            f"{len(self.rows)} rows compared, {len(self.rows) - len(quiet)} of them noisy in a set"
            + (f"; largest difference of the others {largest:.1%}" if largest is not None else "")
        ]
        parts += [
            f"{label} takes {ratio:.3g} times as long as {self.labels[0]} (geometric mean)"
            for label, ratio in self.mean_ratios().items()
        ]
        for label, names in self.lacking.items():
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"not in {label}: {', '.join(names[:_NAMED])}{more}")
        return ". ".join(parts) + "."

    def _remark(self, row: ComparedRow) -> str:
        noisy = [label for label, latency in zip(self.labels, row.latencies, strict=True) if latency and latency.noisy]
        return f"noisy in {', '.join(noisy)}" if noisy else ""


def _targets(row: ComparedRow) -> str:
    return " / ".join(dict.fromkeys(latency.target for latency in row.latencies if latency))


def _flat(latency: ComparedLatency) -> dict[str, Any]:
    """One column a number."""
    row = asdict(latency)
    ratio = row.pop("ratio")
    return {**row, "ratio": ratio["estimate"], "ratio_ci_low": ratio["low"], "ratio_ci_high": ratio["high"]}


def _text(latency: ComparedLatency | None, form: str, field: str) -> str:
    return "" if latency is None else form.format(getattr(latency, field))


def _ratio_text(latency: ComparedLatency | None) -> str:
    if latency is None:
        return ""
    ratio = latency.ratio
    return f"{ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def compare_records(sets: Sequence[RecordSelection], *, allow: frozenset[str] = frozenset()) -> Comparison:
    """Match rows by experiment, name and configuration.

    Args:
        sets: two or more; each is compared with the first.
        allow: of `ALLOWED`; what two compared rows may differ in.

    Raises:
        InputError: `allow` names something else, rows differ in what is not allowed to differ, no row of the first set
            is in another one, or a set has several rows that differ only in what is allowed to differ.
    """
    for field in allow:
        if field not in ALLOWED:
            raise one_of("allow", field, ALLOWED)
    rows_by_set = [_by_name(one, allow) for one in sets]
    first, others = rows_by_set[0], rows_by_set[1:]
    # Match
    common = sorted((name for name in first if any(name in rows for rows in others)), key=_natural)
    if not common:
        raise InputError(_nothing_common(sets, allow))
    for name in common:
        for other in others:
            if name in other:
                _require_equal(first[name], other[name], allow)
    # What is missing, by name: a row in two configurations is named once
    everything = dict.fromkeys(name for rows in rows_by_set for name in rows)
    lacking = {
        one.label: tuple(dict.fromkeys(name[1] for name in everything if name not in rows))
        for one, rows in zip(sets, rows_by_set, strict=True)
    }
    return Comparison(
        labels=tuple(one.label for one in sets),
        rows=tuple(_compare([rows.get(name) for rows in rows_by_set]) for name in common),
        lacking={label: names for label, names in lacking.items() if names},
    )


def _natural(name: RowName) -> list[tuple[int, str]]:
    """Sorts widths as numbers: 8 before 16."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", "\0".join(name))]


def _by_name(one: RecordSelection, allow: frozenset[str]) -> dict[RowName, Record]:
    found: dict[RowName, Record] = {}
    for record in one.records:
        if record.measurement is None:
            continue
        name = _row_name(record, allow)
        other = found.get(name, record)
        if other.configuration != record.configuration:
            a, b = (configuration_label(each.configuration) for each in (other, record))
            raise InputError(
                f"records {one.label!r} hold row {record.name!r} in {a} and in {b}; choose one, as in "
                f"PATH@{record.configuration.runtime}:{record.configuration.precision}."
            )
        found[name] = record  # measured under two versions, the later one counts
    return found


def _row_name(record: Record, allow: frozenset[str]) -> RowName:
    ignored = {*allow, *(_GIVEN_BY_RUNTIME if "runtime" in allow else ())}
    return (
        record.experiment,
        record.name,
        *(str(value) for field, value in asdict(record.configuration).items() if field not in ignored),
    )


def _require_equal(first: Record, second: Record, allow: frozenset[str]) -> None:
    pairs = {"host": (first.environment.host, second.environment.host)}
    if first.configuration.runtime == second.configuration.runtime:
        pairs["version"] = (first.runtime_version, second.runtime_version)
    for field, (a, b) in pairs.items():
        if a != b and field not in allow:
            raise InputError(
                f"{field} differs in row {first.name!r} ({a} and {b}); pass --allow {field} to compare anyway."
            )


def _nothing_common(sets: Sequence[RecordSelection], allow: frozenset[str]) -> str:
    others = " or ".join(repr(one.label) for one in sets[1:])
    options = " ".join(f"--allow {field}" for field in ALLOWED if field not in {*allow, "host", "version"})
    hint = f"; to let something differ, pass {options}" if options else ""
    return f"records {sets[0].label!r} have no measured row in common with {others}{hint}."


def _compare(records: Sequence[Record | None]) -> ComparedRow:
    first = records[0]
    assert first is not None
    assert first.measurement is not None
    return ComparedRow(
        experiment=first.experiment,
        name=first.name,
        latencies=tuple(None if record is None else _compared_latency(record, first.measurement) for record in records),
    )


def _compared_latency(record: Record, base: Measurement) -> ComparedLatency:
    own = record.measurement
    assert own is not None
    ratio = Interval(1.0, 1.0, 1.0) if own is base else unpaired_ratio_interval(_interval(own), _interval(base))
    return ComparedLatency(
        target=configuration_label(record.configuration),
        latency_ms=own.latency_ms,
        ratio=ratio,
        noisy=own.noisy,
    )


def _interval(measurement: Measurement) -> Interval:
    return Interval(measurement.latency_ms, measurement.latency_ci_low_ms, measurement.latency_ci_high_ms)
