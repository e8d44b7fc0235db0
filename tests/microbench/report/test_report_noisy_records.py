"""Records of a machine with noisy neighbours: nothing is reported firmly that the measurements do not carry.

Figures 4 and 5 of such a machine are committed with the study of latency estimators. `MICROBENCH_NOISY_RECORDS` names a
folder that has table2 and table3 as well, which were taken while other programs ran.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from microbench.experiments.figure5 import PANELS
from microbench.experiments.table2 import Table2
from microbench.measure.record import Record
from microbench.measure.store import latest, read_records
from microbench.report.verdicts import Claim, ReasonCode, Verdict, judge_block, judge_interaction, judge_widths
from microbench.report.verdicts.rivals import MAX_HALF_WIDTH, MIN_LOADS

COMMITTED = Path(__file__).parents[3] / "results" / "studies" / "latency_estimators" / "noisy-vm"
FOLDER = Path(os.environ.get("MICROBENCH_NOISY_RECORDS", COMMITTED))

needs_tables = pytest.mark.skipif(FOLDER == COMMITTED, reason="MICROBENCH_NOISY_RECORDS is not set")
pytestmark = pytest.mark.slow


def records_of(experiment: str) -> list[Record]:
    path = FOLDER / f"{experiment}.jsonl"
    return latest(read_records(path)) if path.exists() else []


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    return [
        judge_block(records_of("figure4"), Table2().by_mode(records_of("table2")), {}),
        judge_widths(records_of("figure5"), PANELS),
        judge_interaction(records_of("table3"), {}),
    ]


def firm_claims(verdicts: list[Verdict]) -> Iterator[Claim]:
    for verdict in verdicts:
        yield from (claim for claim in verdict.claims if claim.judgement != "undecided")


@needs_tables
def test_only_the_single_blocks_have_firm_claims(verdicts: list[Verdict]) -> None:
    """They were loaded 10 to 40 times each; the networks of the tables 2 to 5 times, while other programs ran."""
    names = {claim.text.split(",")[0].split(":")[0] for claim in firm_claims(verdicts)}
    assert names <= {"Figure 4", "Figure 5(a)", "Figure 5(b)"}
    undecided = [claim for verdict in verdicts for claim in verdict.claims if claim.text.startswith("Table")]
    assert len(undecided) > 3
    assert {claim.judgement for claim in undecided} == {"undecided"}
    assert {claim.reason.code for claim in undecided} == {ReasonCode.TOO_FEW_LOADS, ReasonCode.NOT_TRAINED}


def test_no_principle_that_needs_accuracy_is_decided_in_its_favour(verdicts: list[Verdict]) -> None:
    block, _, interaction = verdicts
    assert (block.judgement, interaction.judgement) == ("undecided", "undecided")
    assert not any(advice.is_decided for advice in interaction.advice)


def test_every_comparison_behind_a_firm_claim_has_enough_loads_and_a_narrow_interval(verdicts: list[Verdict]) -> None:
    for claim in firm_claims(verdicts):
        for one in claim.comparisons:
            if one.outcome in ("ahead", "behind"):
                assert one.advantage.excludes(1.0)
            if one.outcome != "undecided":
                assert one.advantage.half_width_share <= MAX_HALF_WIDTH
        assert min(len(row.measurement.generations) for row in claim.rows if row.measurement) >= MIN_LOADS


def test_what_is_called_a_sweet_spot_is_one_in_the_undisturbed_windows_too(verdicts: list[Verdict]) -> None:
    """Neighbours only ever add time: the lower quartile over loads of the fastest window is an estimate of its own."""
    rows = {int(row.axes["width"]): row for row in records_of("figure5")}

    def efficiency(width: int) -> float:
        row = rows[width]
        assert row.measurement is not None
        assert row.cost is not None
        fastest_ms = [generation.latencies_ms().min() for generation in row.measurement.generations]
        return float(row.cost.macs / np.quantile(fastest_ms, 0.25))

    for advice in verdicts[1].advice:
        width = int(advice.take)
        panels = [widths for widths in PANELS.values() if width in widths[1:-1]]
        neighbours = [(widths[widths.index(width) - 1], widths[widths.index(width) + 1]) for widths in panels]
        assert any(efficiency(width) > max(efficiency(below), efficiency(above)) for below, above in neighbours), width
