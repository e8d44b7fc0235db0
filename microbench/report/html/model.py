"""The content of the report, before it is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from microbench.measure.record import Record
from microbench.report.verdicts import Missing, Verdict


@dataclass(frozen=True)
class TargetVerdicts:
    """The verdicts on the three principles in one runtime and precision of a machine."""

    label: str
    """What the rows were run in, e.g. "onnxruntime fp32"."""
    verdicts: tuple[Verdict, ...]
    """Block, widths, interaction."""


@dataclass(frozen=True)
class RowQuality:
    """How far the rows of an experiment can be trusted, and what they needed."""

    rows: int
    failed: int
    unconverged: int
    noisy: int
    median_half_width: float
    """Half the width of the 95% interval as a share of the latency: of the middle row."""
    largest_half_width: float
    loads: tuple[int, int]
    """How often the model was loaded anew: of the row with the fewest, and of the one with the most."""
    peak_resident_bytes: int | None
    """The most memory that the measuring process used; None for rows that were measured before it was recorded."""

    @staticmethod
    def of(records: Sequence[Record]) -> RowQuality | None:
        """None where no row was measured."""
        found = [record.measurement for record in records if record.measurement]
        if not found:
            return None
        halves = pd.Series([m.undisturbed.half_width_share for m in found])
        return RowQuality(
            rows=len(found),
            failed=len(records) - len(found),
            unconverged=sum(not m.converged for m in found),
            noisy=sum(m.noisy for m in found),
            median_half_width=float(halves.median()),
            largest_half_width=float(halves.max()),
            loads=(min(m.loads for m in found), max(m.loads for m in found)),
            peak_resident_bytes=max((m.diagnostics.peak_resident_bytes or 0 for m in found), default=0) or None,
        )


@dataclass(frozen=True)
class Section:
    """One experiment on one machine; without a table where nothing is recorded."""

    name: str
    title: str
    table: pd.DataFrame | None = None
    findings: tuple[str, ...] = ()
    figures: tuple[Path, ...] = ()
    """SVG files."""
    trust: RowQuality | None = None
    missing: Missing | None = None


@dataclass(frozen=True)
class MachineReport:
    """The part of the report that is about one machine."""

    name: str
    targets: tuple[TargetVerdicts, ...]
    """The one with the most to say first."""
    sections: tuple[Section, ...]
    environment: Mapping[str, str]
    """What its rows were measured on, in words."""

    def as_json(self) -> dict[str, Any]:
        """Every number that the page shows of it, as JSON values."""
        return {
            "name": self.name,
            "verdicts": {target.label: [verdict.as_json() for verdict in target.verdicts] for target in self.targets},
            "sections": {
                section.name: {
                    "columns": [] if section.table is None else [str(column) for column in section.table.columns],
                    "rows": [] if section.table is None else section.table.astype(str).to_numpy().tolist(),
                    "findings": list(section.findings),
                    "trust": section.trust and asdict(section.trust),
                    "missing": section.missing and asdict(section.missing),
                }
                for section in self.sections
            },
            "environment": dict(self.environment),
        }


@dataclass(frozen=True)
class Report:
    """The whole report: one machine, or several side by side."""

    machines: tuple[MachineReport, ...]

    def as_json(self) -> dict[str, Any]:
        """See `MachineReport.as_json`."""
        return {"machines": [machine.as_json() for machine in self.machines]}

    def as_text(self) -> str:
        """The verdicts, for a terminal."""
        parts = []
        for machine in self.machines:
            for target in machine.targets:
                verdicts = "\n".join(verdict.as_text() for verdict in target.verdicts)
                parts.append(f"{machine.name}, {target.label}\n{verdicts}\n")
            lacking = [section.missing for section in machine.sections if section.missing]
            parts += [f"Not measured on {machine.name}: {missing.what} ({missing.command})" for missing in lacking]
        return "\n".join(parts)
