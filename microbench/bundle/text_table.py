"""A table of records as plain text, without a table library."""

from __future__ import annotations

from typing import Sequence

from microbench.measure.record import Record
from microbench.measure.wording import interval_text, remarks, significant, spread_text

_HEADINGS = ("row", "runtime", "precision", "device", "threads", "timing", "l2", "cache", "latency ms",
             "MMACs/ms", "spread", "remarks")  # fmt: skip


def table_text(records: Sequence[Record]) -> str:
    """One line a row, columns padded to their widest cell."""
    lines = [_HEADINGS, *(_cells(record) for record in records)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def _cells(record: Record) -> tuple[str, ...]:
    c = record.configuration
    efficiency = record.efficiency_mmacs_per_ms
    return (
        f"{record.experiment}/{record.name}",
        c.runtime,
        c.precision,
        c.device,
        str(c.threads),
        c.timing,
        c.l2,
        c.cache,
        interval_text(record.measurement),
        significant(efficiency) if efficiency else "",
        spread_text(record.measurement),
        remarks(record),
    )
