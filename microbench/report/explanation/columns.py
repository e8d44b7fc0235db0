"""The explanation as columns of a table and as sentences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import significant
from microbench.report.explanation.kernels import kernel_text
from microbench.report.explanation.prediction import Explanation, ceilings_of, explain
from microbench.report.labels import configuration_label

CLOSE = 0.15
"""A prediction this close to the measured latency counts as an explanation."""

EXPLANATION_COLUMNS = KERNEL, LIMIT, PREDICTED, RATIO = "kernel", "limit", "predicted ms", "predicted/measured"


@dataclass(frozen=True)
class ExplainedRow:
    """A row with its kernels and what follows from them."""

    record: Record
    kernel: str
    explanation: Explanation | None

    @property
    def ratio(self) -> float | None:
        """Predicted latency by the measured one."""
        if self.explanation is None or self.explanation.predicted_ms is None or self.record.measurement is None:
            return None
        return self.explanation.predicted_ms / self.record.measurement.latency_ms

    def columns(self) -> dict[str, str]:
        """For a table, rounded; empty where nothing is known."""
        ratio = self.ratio
        explanation = self.explanation or Explanation(None, None)
        return {
            KERNEL: self.kernel,
            LIMIT: explanation.limit or "",
            PREDICTED: "" if explanation.predicted_ms is None else significant(explanation.predicted_ms),
            RATIO: "" if ratio is None else f"{ratio:.2f}",
        }


def explain_rows(records: Sequence[Record], ceilings: Sequence[Record]) -> list[ExplainedRow]:
    """Each record with its explanation, by the ceilings of its own configuration."""
    found = ceilings_of(ceilings)
    return [
        ExplainedRow(
            record,
            kernel_text(record),
            explain(record, found[record.configuration]) if record.configuration in found else None,
        )
        for record in records
    ]


def with_explanation(data: pd.DataFrame, records: Sequence[Record], ceilings: Sequence[Record]) -> pd.DataFrame:
    """The data with the explanation of each row in full, where any is known.

    Args:
        data: of the records, in their order.
        records: of an experiment.
        ceilings: of the "ceilings" experiment.
    """
    rows = explain_rows(records, ceilings)
    if not any(row.kernel for row in rows):
        return data
    explanations = [row.explanation or Explanation(None, None) for row in rows]
    return data.assign(
        kernel=[row.kernel for row in rows],
        limit=[explanation.limit or "" for explanation in explanations],
        predicted_ms=[_number(explanation.predicted_ms) for explanation in explanations],
        predicted_over_measured=[_number(row.ratio) for row in rows],
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def prediction_sentences(records: Sequence[Record], ceilings: Sequence[Record]) -> tuple[str, ...]:
    """How many rows their kernels predict, one sentence a configuration; none where no row has kernels and ceilings.

    Rows of a configuration whose latency was measured count as not predicted where a kernel is in no ceiling.
    """
    ratios: dict[str, list[float | None]] = {}
    for row in explain_rows(records, ceilings):
        if row.explanation is not None and row.record.measurement is not None:
            ratios.setdefault(configuration_label(row.record.configuration), []).append(row.ratio)
    return tuple(_sentence(label, found) for label, found in ratios.items())


def _sentence(label: str, ratios: Sequence[float | None]) -> str:
    known = [ratio for ratio in ratios if ratio is not None]
    close = sum(abs(ratio - 1) <= CLOSE for ratio in known)
    counted = f"{label}: {close} of {len(ratios)} rows are predicted within {CLOSE:.0%} from their kernels"
    if not known:
        return f"{counted}."
    middle = statistics.median(abs(ratio - 1) for ratio in known)
    return f"{counted}, by what kernels of the same kind cost in the ceilings (median error {middle:.0%})."
