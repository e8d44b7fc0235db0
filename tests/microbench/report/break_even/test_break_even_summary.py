"""Agreement of two maps, rank correlation and the principles' standing, counted by hand."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_map import simulate_map

from microbench.measure.interval import Interval
from microbench.measure.record import Configuration, Record
from microbench.report.break_even.agreement import sign_agreement, sign_agreement_of_records
from microbench.report.break_even.cell import Cell, Setting, Shape, map_cells, marginal_ratio
from microbench.report.break_even.principles import principle_table, standings
from microbench.report.break_even.rank_correlation import rank_correlations
from microbench.report.break_even.summary import map_findings, map_json

SETTING = Setting(Configuration("onnxruntime"), 1)
OTHER = Setting(Configuration("openvino"), 1)


def one(channels: int, low: float, ratio: float, high: float, block: str = "ghost", setting: Setting = SETTING) -> Cell:
    return Cell(setting, block, Shape(channels, 16, 16), Interval(ratio, low, high), 2.0, 6, 1)


def test_two_maps_agree_in_sign_on_the_cells_that_the_first_one_decided() -> None:
    first = [
        one(8, 1.1, 1.2, 1.3),  # decided; the other's estimate is on the same side, though hatched: agrees
        one(16, 0.7, 0.8, 0.9),  # decided, and the other decided the other way
        one(24, 0.9, 1.1, 1.3),  # hatched: says nothing
        one(32, 0.7, 0.8, 0.9),  # agrees
        one(64, 2.0, 2.1, 2.2),  # the other lacks it
        one(128, 1.01, 1.02, 1.03),  # decided; the other's estimate is on the other side, but hatched
    ]
    second = [
        one(8, 0.9, 1.1, 1.4),
        one(16, 1.1, 1.2, 1.3),
        one(24, 0.8, 0.9, 0.95),
        one(32, 0.5, 0.6, 0.7),
        one(128, 0.98, 0.995, 1.01),
    ]
    found = sign_agreement(first, second)
    assert (found.shared, found.decided, found.agreeing, found.contradicted) == (5, 4, 2, 1)
    assert found.share == 0.5
    assert "ghost 16 at 16x16, onnxruntime fp32, 1 thread, batch 1: 0.800 and 1.200" in found.disagreeing
    assert "2 of the 4 cells that were not hatched in the first one (50.0%)" in found.sentence


def test_cells_of_other_settings_are_not_compared() -> None:
    found = sign_agreement([one(8, 1.1, 1.2, 1.3)], [one(8, 1.1, 1.2, 1.3, setting=OTHER)])
    assert found.share is None
    assert "share 0 cells" in found.sentence


def test_a_run_again_agrees_with_itself_where_it_decided() -> None:
    shapes = [Shape(8 * i, 32, 32) for i in range(1, 17)]

    def measured(seed: int) -> list[Record]:
        return simulate_map(lambda _, shape: 0.7 + shape.channels / 200, shapes, scatter=0.01, seed=seed)

    found = sign_agreement_of_records(measured(1), measured(2))
    assert found.share == 1.0
    assert found.decided >= 12


def test_two_maps_agree_on_98_percent_of_what_was_decided_though_each_run_shifts_every_row() -> None:
    """Loads differ by 2%, and each run shifts each row by 1%, which no load shows."""
    rng = np.random.default_rng(0)

    def measured(ratios: NDArray[np.float64]) -> list[Cell]:
        cells = []
        for index, ratio in enumerate(ratios):
            latencies = np.array([1.2, 3.2, 0.2 + 1 / ratio, 0.2 + 3 / ratio]) * np.exp(rng.normal(0, 0.01, 4))
            loads = latencies * np.exp(rng.normal(0, 0.02, (6, 4)))
            cells.append(Cell(SETTING, "ghost", Shape(index + 1, 16, 16), marginal_ratio(loads), 2.0, 6, 1))
        return cells

    ratios = np.exp(rng.normal(0, 0.9, 400))
    found = sign_agreement(measured(ratios), measured(ratios))
    assert found.decided > 350
    assert found.share is not None
    assert found.share >= 0.98


def test_blocks_that_rank_the_other_way_round_have_a_correlation_of_minus_one() -> None:
    cells = [
        one(8, 0.4, 0.5, 0.6, "a"), one(8, 1.9, 2.0, 2.1, "b"), one(8, 3.9, 4.0, 4.1, "c"),
        one(8, 1.9, 2.0, 2.1, "a", OTHER), one(8, 0.4, 0.5, 0.6, "b", OTHER), one(8, 0.2, 0.25, 0.3, "c", OTHER),
    ]  # fmt: skip
    # Costs in convolutions: a 2, conv 1, b 1/2, c 1/4; and in the other setting 1/2, 1, 2, 4.
    assert rank_correlations(cells) == {(SETTING, OTHER): pytest.approx(-1.0)}
    # Costs of a and b exchanged: ranks 3 2 1 0 and 1 2 3 0, differences 2 0 2 0: 1 - 6 * 8 / (4 * 15) = 0.2.
    swapped = [
        one(8, 0.4, 2.0, 2.1, "a", OTHER), one(8, 0.4, 0.5, 0.6, "b", OTHER), one(8, 3.9, 4.0, 4.1, "c", OTHER)
    ]  # fmt: skip
    assert rank_correlations([*cells[:3], *swapped]) == {(SETTING, OTHER): pytest.approx(0.2)}


def test_a_convolution_does_the_most_where_it_beats_each_block_and_fails_where_one_beats_it() -> None:
    # MACs are twice the other block's: it does more a millisecond where it costs less than two of them.
    cells = [
        one(8, 1.1, 1.2, 1.3, "a"), one(8, 1.7, 1.8, 1.9, "b"),  # holds
        one(16, 1.1, 1.2, 1.3, "a"), one(16, 2.1, 2.2, 2.3, "b"),  # fails: b does more
        one(32, 1.1, 1.2, 1.3, "a"), one(32, 1.9, 2.0, 2.1, "b"),  # undecided
        one(64, 1.1, 1.2, 1.3, "a"),  # b is not measured: not judged
    ]  # fmt: skip
    found = {(s.principle, s.claim): s for s in standings(cells, [])}
    block = found["block", "conv3x3 does the most MACs/ms of all blocks"]
    assert (block.holds, block.fails, block.undecided) == (1, 1, 1)
    assert block.verdict == "depends on the shape"
    # One convolution costs more than one of either: the claim of the break-even fails in all shapes.
    dearer = found["break-even", "one conv3x3 costs less than one a"]
    assert (dearer.holds, dearer.fails, dearer.undecided) == (0, 4, 0)
    assert dearer.verdict == "fails"
    table = principle_table(list(found.values()))
    assert table["principle"].tolist() == ["block", "break-even", "break-even"]
    assert table["fails"].tolist() == ["33%", "100%", "100%"]


@pytest.mark.parametrize(("padded", "verdict"), [(True, "holds"), (False, "undecided")])
def test_a_width_that_is_padded_to_the_next_block_is_found(padded: bool, verdict: str) -> None:
    records = []
    for channels in (16, 24, 32):
        cost_ms = (32 if padded and channels == 24 else channels) ** 2 / 32**2
        for record in simulate_map(lambda *_: 1.0, [Shape(channels, 64, 64)], scatter=0.001):
            scaled = _scaled(record, cost_ms, channels**2 / 32**2)
            records.append(scaled)
    found = [s for s in standings(map_cells(records), records) if s.principle == "widths"]
    assert [(s.shapes, s.verdict) for s in found] == [(1, verdict)]


def _scaled(record: Record, latency: float, macs: float) -> Record:
    assert record.measurement
    assert record.cost
    generations = tuple(
        dataclasses.replace(
            generation,
            readings=tuple(dataclasses.replace(r, wall_ns=round(r.wall_ns * latency)) for r in generation.readings),
        )
        for generation in record.measurement.generations
    )
    undisturbed = record.measurement.undisturbed.scaled(latency)
    measurement = dataclasses.replace(record.measurement, generations=generations, undisturbed=undisturbed)
    cost = dataclasses.replace(record.cost, macs=round(record.cost.macs * macs))
    return dataclasses.replace(record, measurement=measurement, cost=cost)


def test_the_map_in_sentences_counts_cells_and_hatched_ones() -> None:
    cells = [one(8, 1.1, 1.2, 1.3), one(16, 0.7, 0.8, 0.9), one(24, 0.9, 1.1, 1.3)]
    findings = map_findings(cells)
    assert findings[0].startswith("3 cells in 1 settings, 1 of them hatched")
    assert "more than one in 1 cells, less in 1, open in 1" in findings[1]
    document = map_json(cells, standings(cells, []))
    assert len(document["cells"]) == 3
    assert map_findings([]) == []
