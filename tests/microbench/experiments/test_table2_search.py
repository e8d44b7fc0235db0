"""Table 2 on simulated records: which width it shows at equal latency, and what alignment was worth."""

import dataclasses
import doctest
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import blocks
from microbench.experiments import alignment
from microbench.experiments.alignment import block_alignment
from microbench.experiments.table2 import PAPER_WIDTHS, Table2
from microbench.experiments.width_search import MAX_CANDIDATES
from microbench.measure.record import Record
from microbench.measure.store import read_records
from microbench.measure.workload import Cost, WorkloadSpec

RECORDED = Path(__file__).parents[3] / "results" / "xeon-2-cores" / "table2.jsonl"


def vectors_of_sixteen(block: str, c: int) -> float:
    """Latency in milliseconds on a device that is fast where depthwise channels fill vectors of 16."""
    blocked = block == "conv3x3" or block_alignment(block, c) == 16
    return (
        {"conv3x3": 10.0, "inverted_residual": 20.0}.get(block, 7.0) * math.pow(c / 14, 1.5) * (1.0 if blocked else 2.0)
    )


@pytest.fixture(scope="module")
def template() -> Record:
    return next(record for record in read_records(RECORDED) if record.measurement is not None)


def record_of(template: Record, spec: WorkloadSpec, latency_ms: float) -> Record:
    assert template.measurement is not None
    factor = latency_ms / template.measurement.undisturbed.estimate
    undisturbed = template.measurement.undisturbed.scaled(factor)
    measurement = dataclasses.replace(template.measurement, undisturbed=undisturbed)
    cost = Cost(macs=int(spec.axes["c"]) ** 2 * 10**6, parameters=1, moved_bytes=1)
    return dataclasses.replace(template, name=spec.name, axes=dict(spec.axes), measurement=measurement, cost=cost)


def measured(template: Record, latency_ms: Callable[[str, int], float]) -> list[Record]:
    """All that the table asks for, with simulated latencies."""
    table, records = Table2(), []
    specs = table.specs()
    while specs:
        records += [
            record_of(template, spec, latency_ms(str(spec.axes["block"]), int(spec.axes["c"]))) for spec in specs
        ]
        specs = table.refine(records)
    return records


def test_the_table_has_the_widest_width_within_the_target_and_what_alignment_was_worth(
    template: Record, tmp_path: Path
) -> None:
    records = measured(template, vectors_of_sixteen)
    presentation = Table2().present(records, [], tmp_path)
    target_ms = vectors_of_sixteen("conv3x3", 14)
    for block, c in presentation.data["equal_latency"].items():
        within = [width for width in range(2, 100) if vectors_of_sixteen(block, width) <= target_ms * 1.02]
        assert c == max(within), block
        assert len([record for record in records if record.axes["block"] == block]) <= MAX_CANDIDATES
    rows = {row["block"]: row for row in presentation.table.to_dict("records") if row["mode"] == "equal latency"}
    # Depthwise channels of inverted residuals are 6c: c = 8 has 48 of them, c = 4 only 24.
    assert rows["inverted_residual"]["channels in multiples of"] == "16"
    sepconv = rows["sepconv3x3"]
    unaligned = int(sepconv["best unaligned c timed within the target"])
    assert unaligned < int(sepconv["c"])
    assert float(sepconv["GMACs over those of that c"]) == pytest.approx((int(sepconv["c"]) / unaligned) ** 2, abs=0.01)


def test_the_papers_widths_keep_their_rows(template: Record, tmp_path: Path) -> None:
    table = Table2().present(measured(template, vectors_of_sixteen), [], tmp_path).table
    rows = table[table["mode"] == "paper's widths"]
    assert dict(zip(rows["block"], rows["c"].astype(int), strict=True)) == PAPER_WIDTHS
    assert set(rows["best unaligned c timed within the target"]) == {""}


def test_a_width_that_cannot_be_run_is_passed_over(template: Record, tmp_path: Path) -> None:
    records = measured(template, vectors_of_sixteen)
    widest = Table2().present(records, [], tmp_path).data["equal_latency"]["ghost"]
    without = [
        dataclasses.replace(record, measurement=None, error="out of memory")
        if (record.axes["block"], record.axes["c"]) == ("ghost", widest)
        else record
        for record in records
    ]
    assert Table2().present(without, [], tmp_path).data["equal_latency"]["ghost"] < widest


def test_records_that_know_no_alignment_are_still_shown(tmp_path: Path) -> None:
    table = Table2().present(read_records(RECORDED), [], tmp_path).table
    assert "channels in multiples of" not in table
    assert set(table["mode"]) == {"paper's widths", "equal latency"}


@pytest.mark.parametrize("block", blocks.NAMES)
def test_a_block_of_aligned_channels_is_aligned_in_every_stage(block: str) -> None:
    for c in (8, 16, 32):
        assert block_alignment(block, 2 * c) >= block_alignment(block, c)
    assert block_alignment(block, 32) == 16
    assert math.log2(block_alignment(block, 7)) % 1 == 0


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(alignment).failed == 0
