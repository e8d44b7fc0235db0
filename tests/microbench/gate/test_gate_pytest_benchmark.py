"""The error rates of pytest-benchmark's comparison, which the gate's are compared with."""

import numpy as np
import pytest

from microbench.benchmarks.error_rates import Run, error_rates, table
from microbench.errors import InputError


def run(**seconds: float) -> Run:
    """A run in which each model's statistics are all alike, and 5% more for the slower burst."""
    return {
        model: {
            side: dict.fromkeys(("min", "median", "mean"), value * factor)
            for side, factor in (("as-it-is", 1.0), ("slower", 1.05))
        }
        for model, value in seconds.items()
    }


def rate(runs: list[Run], statistic: str, limit: float) -> tuple[float, float]:
    (found,) = [one for one in error_rates(runs) if (one.statistic, one.limit_percent) == (statistic, limit)]
    return found.false_alarms, found.found


def test_on_a_machine_without_noise_only_the_limit_decides() -> None:
    runs = [run(a=1.0), run(a=1.0), run(a=1.0)]
    assert rate(runs, "min", 2.5) == (0.0, 1.0)
    assert rate(runs, "min", 10.0) == (0.0, 0.0)


def test_pairs_are_ordered_and_the_worst_model_counts() -> None:
    """By hand, at 2.5%: of 1 and 1.1 one order in two fails; slowed, 1.155/1 fails and 1.05/1.1 does not."""
    runs = [run(steady=1.0, moody=1.0), run(steady=1.0, moody=1.1)]
    assert rate(runs, "median", 2.5) == (0.5, 0.5)


def test_it_counts_what_pytest_benchmarks_own_check_would_fail() -> None:
    check = pytest.importorskip("pytest_benchmark.utils").PercentageRegressionCheck("mean", 5.0)
    rng = np.random.default_rng(0)
    runs = [run(a=float(np.exp(0.04 * rng.standard_normal()))) for _ in range(12)]
    fails = [check.fails(b["a"]["as-it-is"], a["a"]["as-it-is"]) for a in runs for b in runs if a is not b]
    assert rate(runs, "mean", 5.0)[0] == pytest.approx(np.mean([bool(fail) for fail in fails]))


def test_the_table_names_the_options_as_one_types_them() -> None:
    shown = table([run(a=1.0), run(a=1.0)])
    assert list(shown["--benchmark-compare-fail"])[:2] == ["min:2.5%", "min:5%"]
    assert shown.loc[0, "slowdown of 5% found"] == "100.0%"


def test_one_run_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="runs must be at least 2, not 1"):
        error_rates([run(a=1.0)])
