"""Two sets of records of the same rows, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from microbench.errors import InputError
from microbench.measure.record import Record
from microbench.measure.store import latest, read_records
from microbench.report.frame import configuration_label

RowName = tuple[str, ...]


@dataclass(frozen=True)
class ComparedRow:
    """One row that both sides measured."""

    name: str
    runtime: str
    precision: str
    target: str
    """What both were run in, in words."""
    first_ms: float
    second_ms: float
    ratio: float
    """Second over first."""
    intervals_overlap: bool
    noisy: bool
    """Whether either side was flagged."""


@dataclass(frozen=True)
class Comparison:
    """All rows that both sides measured, and what they lack."""

    rows: tuple[ComparedRow, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def largest_quiet_difference(self) -> float | None:
        """The largest |ratio - 1| of a row that neither side flagged noisy."""
        return max((abs(row.ratio - 1) for row in self.rows if not row.noisy), default=None)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "largest_quiet_difference": self.largest_quiet_difference}

    def table(self) -> pd.DataFrame:
        """For people."""
        return pd.DataFrame(
            {
                "name": [row.name for row in self.rows],
                "runtime": [row.target for row in self.rows],
                "first ms": [f"{row.first_ms:.4g}" for row in self.rows],
                "second ms": [f"{row.second_ms:.4g}" for row in self.rows],
                "difference": [f"{row.ratio - 1:+.1%}" for row in self.rows],
                "remarks": [_remark(row) for row in self.rows],
            }
        )

    def summary(self) -> str:
        """The largest difference, and what could not be compared, in words."""
        quiet = [row for row in self.rows if not row.noisy]
        largest = self.largest_quiet_difference
        parts = [
            f"{len(self.rows)} rows compared, {len(self.rows) - len(quiet)} of them noisy on a side"
            + (f"; largest difference of the others {largest:.1%}" if largest is not None else "")
        ]
        for side, names in (("first", self.only_first), ("second", self.only_second)):
            if names:
                parts.append(f"only on the {side} side: {', '.join(names)}")
        return ". ".join(parts) + "."


def _remark(row: ComparedRow) -> str:
    remarks = [] if row.intervals_overlap else ["intervals do not overlap"]
    return ", ".join([*remarks, "noisy"] if row.noisy else remarks)


def read_side(path: Path) -> list[Record]:
    """The latest record of each row in a records file, or in all of a folder's.

    Raises:
        InputError: no such file, no records in it, or a file that is not one.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    records = [record for file in files for record in latest(read_records(file))]
    if not records:
        raise InputError(f"records {str(path)!r} hold nothing; give a .jsonl file or a machine's results folder.")
    return records


def compare_records(
    first: Sequence[Record], second: Sequence[Record], *, allow: frozenset[str] = frozenset()
) -> Comparison:
    """Match rows by experiment, name and configuration.

    Args:
        first: one record for each row.
        second: likewise.
        allow: "host" to compare rows of unlike machines, "version" of unlike runtime versions.

    Raises:
        InputError: the sides differ in something that is not allowed to differ.
    """
    sides = [{_row_name(record): record for record in side if record.measurement} for side in (first, second)]
    common = [name for name in sides[0] if name in sides[1]]
    for name in common:
        a, b = sides[0][name], sides[1][name]
        _require_equal("host", name, a.environment.host, b.environment.host, allow)
        _require_equal("version", name, a.runtime_version, b.runtime_version, allow)
    return Comparison(
        rows=tuple(_compare(sides[0][name], sides[1][name]) for name in common),
        only_first=tuple(name[1] for name in sides[0] if name not in sides[1]),
        only_second=tuple(name[1] for name in sides[1] if name not in sides[0]),
    )


def _require_equal(field: str, name: RowName, first: str, second: str, allow: frozenset[str]) -> None:
    if first != second and field not in allow:
        raise InputError(
            f"{field} differs in row {name[1]!r} ({first} and {second}); pass --allow {field} to compare anyway."
        )


def _row_name(record: Record) -> RowName:
    c = record.configuration
    return (record.experiment, record.name, c.runtime, c.precision, c.device, str(c.threads), c.timing, c.l2)


def _compare(first: Record, second: Record) -> ComparedRow:
    a, b = first.measurement, second.measurement
    assert a is not None
    assert b is not None
    return ComparedRow(
        name=f"{first.experiment} {first.name}",
        runtime=first.configuration.runtime,
        precision=first.configuration.precision,
        target=configuration_label(first.configuration),
        first_ms=a.latency_ms,
        second_ms=b.latency_ms,
        ratio=b.latency_ms / a.latency_ms,
        intervals_overlap=a.latency_ci_low_ms <= b.latency_ci_high_ms and b.latency_ci_low_ms <= a.latency_ci_high_ms,
        noisy=a.noisy or b.noisy,
    )
