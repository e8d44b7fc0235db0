"""What may be said of rows from resamples of what was measured."""

from collections.abc import Callable

import numpy as np
import pytest

from microbench.measure.record import Record
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap

RNG = np.random.default_rng(3)


def test_resamples_scatter_as_wide_as_the_rows_own_interval(make_record: Callable[..., Record]) -> None:
    """The interval is an independent implementation: median_interval's, over the same generations."""
    record = make_record("figure4", "row", {}, np.exp(RNG.normal(0, 0.02, 12)))
    low, high = np.quantile(bootstrap_latencies_ms([record], resamples=4000)[0], [0.025, 0.975])
    assert record.measurement is not None
    width = record.measurement.latency_ci_high_ms - record.measurement.latency_ci_low_ms
    assert high - low == pytest.approx(width, rel=0.25)


def test_what_disturbs_all_rows_of_a_run_is_not_in_their_ratio(make_record: Callable[..., Record]) -> None:
    shared = np.exp(RNG.normal(0, 0.2, 10))
    slow, fast = (make_record("figure4", name, {}, factor * shared) for name, factor in (("slow", 1.01), ("fast", 1.0)))
    latencies = bootstrap_latencies_ms([slow, fast])
    assert latencies[0].std() > 0.05
    np.testing.assert_allclose(latencies[0] / latencies[1], 1.01, rtol=1e-3)


def test_rows_of_different_runs_are_drawn_independently(make_record: Callable[..., Record]) -> None:
    shared = np.exp(RNG.normal(0, 0.2, 10))
    slow = make_record("figure4", "slow", {}, 1.01 * shared, run="2026-01-01T00:00:00Z-aaaa")
    fast = make_record("figure4", "fast", {}, shared, run="2026-01-02T00:00:00Z-bbbb")
    of_fast, of_slow = bootstrap_latencies_ms([fast, slow])
    assert 0.3 < (of_slow > of_fast).mean() < 0.8


def test_rows_of_unlike_numbers_of_generations_are_compared_in_those_that_they_share(
    make_record: Callable[..., Record],
) -> None:
    shared = np.exp(RNG.normal(0, 0.2, 30))
    long = make_record("figure4", "long", {}, shared)
    short = make_record("figure4", "short", {}, shared[:10])
    latencies = bootstrap_latencies_ms([long, short])
    assert np.isfinite(latencies).all()
    assert float(np.asarray(np.corrcoef(latencies))[0, 1]) > 0.3


def test_three_builds_are_three_draws_however_long_each_was_timed(make_record: Callable[..., Record]) -> None:
    """Where the builder's choice is chance, more windows of one build say nothing of the next one."""
    built = make_record("figure4", "built", {}, [1.0, 1.1, 1.2], builds=True)
    timed = make_record("figure4", "timed", {}, [1.0, 1.1, 1.2] * 5)
    assert bootstrap_latencies_ms([built])[0].std() > 2 * bootstrap_latencies_ms([timed])[0].std()


def test_of_a_single_generation_nothing_is_resampled(make_record: Callable[..., Record]) -> None:
    record = make_record("figure4", "row", {}, [1.0])
    assert not can_bootstrap(record)
    with pytest.raises(ValueError, match="has 1 generations"):
        bootstrap_latencies_ms([record])
