"""The marginal cost of a block: exact on lines, with intervals that cover, and a flag for chains that are no line."""

import doctest
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from microbench.experiments.sweep import CHAIN_DEPTHS
from microbench.measure.record import Record
from microbench.report import marginal
from microbench.report.marginal import efficiency_advantage, fit_line, marginal_costs

MakeRecord = Callable[..., Record]
LOADS = 12


def chain(
    make_record: MakeRecord,
    latency_ms: Callable[[int], float],
    *,
    scatter: float = 0.0,
    seed: int = 0,
    block: str = "b",
) -> list[Record]:
    """Chains of each depth in one run; a load is disturbed alike at all depths, and each row by itself as much."""
    rng = np.random.default_rng(seed)
    shared = np.exp(rng.normal(0, scatter, LOADS))
    return [
        make_record(
            "figure4",
            f"{block}/depth{depth}",
            {"block": block, "width": 8, "depth": depth},
            latency_ms(depth) * shared * np.exp(rng.normal(0, scatter, LOADS)),
            macs=1_000_000 * depth,
        )
        for depth in CHAIN_DEPTHS
    ]


def test_a_line_gives_its_slope_and_its_intercept(make_record: MakeRecord) -> None:
    (cost,) = marginal_costs(chain(make_record, lambda depth: 0.3 + 0.5 * depth))
    assert cost.marginal_ms.estimate == pytest.approx(0.5, rel=2e-3)
    assert cost.ends_ms.estimate == pytest.approx(0.3, rel=2e-3)
    assert cost.misfit_share < 1e-3
    assert not cost.bent
    assert cost.macs == 1_000_000
    assert cost.efficiency_mmacs_per_ms is not None
    assert cost.efficiency_mmacs_per_ms.estimate == pytest.approx(2.0, rel=2e-3)


def test_the_ends_make_a_single_block_look_less_efficient_than_it_is_in_a_network(make_record: MakeRecord) -> None:
    (dear_ends,) = marginal_costs(chain(make_record, lambda depth: 1.0 + 0.5 * depth))
    (no_ends,) = marginal_costs(chain(make_record, lambda depth: 0.5 * depth))
    assert dear_ends.marginal_ms.estimate == pytest.approx(no_ends.marginal_ms.estimate, rel=2e-3)


def test_several_fits_at_once_are_those_one_by_one() -> None:
    rng = np.random.default_rng(1)
    depths = np.array(CHAIN_DEPTHS, dtype=float)
    latencies = rng.uniform(1, 2, (4, 5)) + depths[:, None]
    together = fit_line(depths, latencies)
    for index in range(5):
        slope, intercept = np.polyfit(depths, latencies[:, index], 1, w=1 / latencies[:, index])
        assert together[0][index] == pytest.approx(intercept)
        assert together[1][index] == pytest.approx(slope)


def test_the_intervals_cover_the_true_cost_and_the_true_ends(make_record: MakeRecord) -> None:
    # A quarter of the loads lie below the undisturbed latency.
    quartile = float(np.exp(stats.norm.ppf(0.25) * 0.02 * np.sqrt(2)))
    covered = [0, 0]
    trials = 120
    for seed in range(trials):
        (cost,) = marginal_costs(chain(make_record, lambda depth: 0.3 + 0.5 * depth, scatter=0.02, seed=seed))
        covered[0] += not cost.marginal_ms.excludes(0.5 * quartile)
        covered[1] += not cost.ends_ms.excludes(0.3 * quartile)
    # 95% less two and a half standard errors of so many trials.
    assert min(covered) >= (0.95 - 2.5 * 0.02) * trials


def test_noise_alone_is_seldom_called_bent_and_a_cliff_is_always(make_record: MakeRecord) -> None:
    straight = [
        marginal_costs(chain(make_record, lambda depth: 0.3 + 0.5 * depth, scatter=0.02, seed=seed))[0].bent
        for seed in range(60)
    ]
    assert sum(straight) <= 6
    for seed in range(10):
        # From four blocks on, a block takes longer.
        cliff = chain(make_record, lambda depth: 0.5 * depth * (1.3 if depth >= 4 else 1), scatter=0.01, seed=seed)
        (cost,) = marginal_costs(cliff)
        assert cost.bent
        assert cost.misfit_share > 0.03


def test_chains_of_two_depths_or_of_failed_rows_have_no_marginal_cost(make_record: MakeRecord) -> None:
    assert marginal_costs(chain(make_record, lambda depth: 1.0 * depth)[:2]) == []


def test_each_block_and_configuration_has_its_own(make_record: MakeRecord) -> None:
    records = [
        *chain(make_record, lambda depth: 0.3 + 0.5 * depth, block="conv"),
        *chain(make_record, lambda depth: 0.2 + 0.2 * depth, block="sepconv"),
    ]
    found = {cost.axes["block"]: cost.marginal_ms.estimate for cost in marginal_costs(records)}
    assert found == {"conv": pytest.approx(0.5, rel=2e-3), "sepconv": pytest.approx(0.2, rel=2e-3)}


def test_a_ratio_of_two_blocks_is_free_of_what_disturbs_both(make_record: MakeRecord) -> None:
    def both(seed: int) -> list[Record]:
        rows = []
        rng = np.random.default_rng(seed)
        shared = np.exp(rng.normal(0, 0.2, LOADS))
        for block, own_ms in (("conv", 0.5), ("sepconv", 0.25)):
            for depth in CHAIN_DEPTHS:
                axes = {"block": block, "depth": depth}
                latencies = (0.1 + own_ms * depth) * shared
                rows.append(make_record("figure4", f"{block}{depth}", axes, latencies, macs=2_000_000 * depth))
        return rows

    conv, sepconv = marginal_costs(both(0))
    assert conv.marginal_ms.half_width_share > 0.05
    ratio = efficiency_advantage(conv, sepconv)
    assert ratio is not None
    assert ratio.interval.estimate == pytest.approx(0.5, rel=2e-3)
    assert ratio.interval.half_width_share < 0.01
    assert ratio.is_paired
    assert ratio.p < 1e-3


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(marginal).failed == 0
