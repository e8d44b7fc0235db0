"""One claim of a principle, compared with records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microbench.measure.record import Record
from microbench.measure.wording import remarks
from microbench.report.bootstrap import RESAMPLES
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.rivals import Judgement, RivalComparison


@dataclass(frozen=True)
class Claim:
    """A claim, and what the records say about it."""

    text: str
    """What is claimed."""
    judgement: Judgement
    reason: Reason
    share: float | None = None
    """Of the resamples in which the claim comes true, 0 to 1: an illustration, which decides nothing. None where too
    little was measured to resample."""
    comparisons: tuple[RivalComparison, ...] = ()
    """What decided it."""
    rows: tuple[Record, ...] = ()
    """The records behind it."""

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """What a reader must know of the rows."""
        total = len(self.rows)
        measured = [(row, row.measurement) for row in self.rows if row.measurement]
        unconverged = sum(not measurement.converged for _, measurement in measured)
        noisy = sum(measurement.noisy for _, measurement in measured)
        runs = len({row.run for row, _ in measured})
        found = []
        if unconverged:
            message = f"{unconverged} of {total} rows did not converge"
            found.append(Reason(ReasonCode.NOT_CONVERGED, message, {"rows": unconverged, "of": total}))
        if noisy:
            found.append(
                Reason(ReasonCode.NOISY_ROWS, f"{noisy} of {total} rows are noisy", {"rows": noisy, "of": total})
            )
        if runs > 1:
            found.append(Reason(ReasonCode.DIFFERENT_RUNS, f"the rows are of {runs} runs", {"runs": runs}))
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "text": self.text,
            "judgement": self.judgement,
            "reason": self.reason.as_json(),
            "share": self.share,
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "doubts": [doubt.as_json() for doubt in self.doubts],
            "rows": [_row_json(row) for row in self.rows],
        }

    def as_text(self) -> str:
        """In one line."""
        doubts = f" Doubts: {'; '.join(doubt.message for doubt in self.doubts)}." if self.doubts else ""
        return f"{self.text}: {self.judgement}, as {self.reason.message}{share_text(self.share)}.{doubts}"


def share_text(share: float | None) -> str:
    """A share of resamples in words.

    >>> share_text(0.431)
    ' (true in 43% of 1000 resamples)'
    """
    return "" if share is None else f" (true in {share:.0%} of {RESAMPLES} resamples)"


def judge_together(claims: Sequence[Claim]) -> Judgement:
    """Of several claims: fails if one does, holds if all do, tied if they hold or are tied, else undecided."""
    judgements = {claim.judgement for claim in claims}
    if "fails" in judgements:
        return "fails"
    if not judgements or "undecided" in judgements:
        return "undecided"
    return "tied" if "tied" in judgements else "holds"


def _row_json(row: Record) -> dict[str, Any]:
    measurement = row.measurement
    is_bounded = measurement is not None and math.isfinite(measurement.latency_ci_high_ms)
    return {
        "experiment": row.experiment,
        "name": row.name,
        "run": row.run,
        "latency_ms": measurement and measurement.latency_ms,
        "latency_ci_low_ms": measurement and measurement.latency_ci_low_ms,
        "latency_ci_high_ms": measurement.latency_ci_high_ms if measurement and is_bounded else None,
        "efficiency_mmacs_per_ms": row.efficiency_mmacs_per_ms,
        "remarks": remarks(row),
    }
