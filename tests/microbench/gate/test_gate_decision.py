"""The gate's verdicts on estimates whose truth is known, and how often they err."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from microbench.errors import InputError
from microbench.gate.decision import (
    Decision,
    GateVerdict,
    StageEstimate,
    decide,
    estimate_stage,
    judge_stage,
    percent,
)
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.drawn_gates import ANY, detection_rates
from microbench.gate.reason import ReasonCode
from microbench.gate.replicate import BASE, HEAD, Replicate, replicate_from_block, replicate_from_triples
from microbench.gate.sampling_plan import SamplingPlan
from microbench.measure.interval import Interval

RULE = DecisionRule()


def replicates(deltas: Sequence[float], nulls: Sequence[float] = (0.0,)) -> list[Replicate]:
    return [
        Replicate(delta, null, delta, null, base_ms=1.0, windows=120, clock="cpu_ns", output_difference=None)
        for delta, null in zip(deltas, itertools.cycle(nulls), strict=False)
    ]


def drawn(rng: np.random.Generator, slowdown: float, count: int = 12, noise: float = 0.006) -> list[Replicate]:
    """Of processes in which each load of the model is off by `noise`; one in forty is far off."""

    def loads() -> Any:
        return rng.normal(0, noise, count) + rng.normal(0, 0.03, count) * (rng.random(count) < 0.025)

    base = loads()
    return replicates(list(math.log1p(slowdown) + loads() - base), list(loads() - base))


def gate(first: list[Replicate], second: list[Replicate]) -> Decision:
    return decide({"net": estimate_stage(first)}, lambda _: {"net": estimate_stage(second)}, RULE)["net"]


def test_slower_is_what_both_stages_find_slower() -> None:
    slow, same = replicates(np.linspace(0.045, 0.055, 12).tolist()), replicates(np.linspace(-0.005, 0.005, 12).tolist())
    noisy = replicates(np.linspace(-0.1, 0.2, 12).tolist())
    for first, second, verdict, code in (
        (slow, slow, GateVerdict.SLOWER, ReasonCode.CONFIRMED),
        (slow, same, GateVerdict.PASS, ReasonCode.NOT_CONFIRMED),
        (slow, noisy, GateVerdict.INCONCLUSIVE, ReasonCode.WIDE_INTERVAL),
        (same, slow, GateVerdict.PASS, ReasonCode.NO_DIFFERENCE),
    ):
        decision = gate(first, second)
        assert (decision.verdict, decision.reason.code) == (verdict, code)
    assert gate(slow, same).reason.message == "+5.1% at first, which fresh processes did not confirm"
    assert gate(same, slow).confirmation is None


def test_without_a_confirmation_the_first_stage_decides() -> None:
    slow = {"net": estimate_stage(replicates(np.linspace(0.045, 0.055, 12).tolist()))}
    decision = decide(slow, None, RULE)["net"]
    assert (decision.verdict, decision.reason.code) == (GateVerdict.SLOWER, ReasonCode.ABOVE_LIMIT)


def test_a_suspect_that_the_second_stage_could_not_measure_is_inconclusive() -> None:
    slow = {"net": estimate_stage(replicates(np.linspace(0.045, 0.055, 12).tolist()))}
    decision = decide(slow, lambda _: {}, RULE)["net"]
    assert (decision.verdict, decision.reason.code) == (GateVerdict.INCONCLUSIVE, ReasonCode.CONFIRMATION_MISSING)


def test_a_significant_slowdown_within_the_limit_passes() -> None:
    result = judge_stage({"net": estimate_stage(replicates(np.linspace(0.02, 0.024, 12).tolist()))}, RULE)["net"]
    assert result.p_adjusted == 2.0**-12
    assert (result.verdict, result.reason.code) == (GateVerdict.PASS, ReasonCode.WITHIN_LIMIT)
    assert result.reason.message == "slower by less than 2.5%"


def estimate(slowdown: float, half_width: float, null: float = 0.0, p: float = 0.0001) -> StageEstimate:
    return StageEstimate(
        12, Interval(slowdown, slowdown - half_width, slowdown + half_width), Interval(null, null, null), p
    )


@pytest.mark.parametrize(
    ("given", "verdict", "code"),
    [
        (estimate(0.026, 0.0199), GateVerdict.SLOWER, ReasonCode.ABOVE_LIMIT),
        (estimate(0.025, 0.0199), GateVerdict.PASS, ReasonCode.WITHIN_LIMIT),
        (estimate(0.026, 0.0199, p=0.011), GateVerdict.PASS, ReasonCode.NOT_SIGNIFICANT),
        (estimate(0.026, 0.0201), GateVerdict.INCONCLUSIVE, ReasonCode.WIDE_INTERVAL),
        (estimate(0.0, 0.0201), GateVerdict.INCONCLUSIVE, ReasonCode.WIDE_INTERVAL),
        (estimate(0.026, 0.001, null=0.0151), GateVerdict.INCONCLUSIVE, ReasonCode.NULL_SHIFT),
        (estimate(0.0, 0.001, null=-0.0151), GateVerdict.INCONCLUSIVE, ReasonCode.NULL_SHIFT),
        (estimate(0.0, 0.001, null=-0.0149), GateVerdict.PASS, ReasonCode.NO_DIFFERENCE),
        (estimate(-0.05, 0.001), GateVerdict.PASS, ReasonCode.FASTER),
        # However noisy: 75% slower give or take 5%, and 50% faster give or take 5%.
        (estimate(0.56, 0.05), GateVerdict.SLOWER, ReasonCode.ABOVE_LIMIT),
        (estimate(0.56, 0.05, p=0.011), GateVerdict.INCONCLUSIVE, ReasonCode.WIDE_INTERVAL),
        (estimate(0.56, 0.05, null=0.02), GateVerdict.SLOWER, ReasonCode.ABOVE_LIMIT),
        (estimate(0.56, 0.05, null=-0.5), GateVerdict.INCONCLUSIVE, ReasonCode.NULL_SHIFT),
        (estimate(-0.69, 0.05), GateVerdict.PASS, ReasonCode.FASTER),
        (estimate(-0.69, 0.05, null=0.02), GateVerdict.INCONCLUSIVE, ReasonCode.NULL_SHIFT),
    ],
)
def test_the_limits_are_those_of_the_design(given: StageEstimate, verdict: GateVerdict, code: ReasonCode) -> None:
    result = judge_stage({"net": given}, RULE)["net"]
    assert (result.verdict, result.reason.code) == (verdict, code)


def test_all_thresholds_scale_with_the_limit() -> None:
    rule = RULE.with_limit(0.10)
    assert rule.slower_than == pytest.approx(math.log(1.10))
    assert rule.max_null_shift / rule.slower_than == pytest.approx(RULE.max_null_shift / RULE.slower_than)
    assert rule.max_half_width / rule.slower_than == pytest.approx(RULE.max_half_width / RULE.slower_than)
    assert judge_stage({"net": estimate(0.05, 0.03)}, rule)["net"].verdict is GateVerdict.PASS
    assert judge_stage({"net": estimate(0.05, 0.03)}, RULE)["net"].verdict is GateVerdict.INCONCLUSIVE


def test_p_values_are_adjusted_for_the_suite() -> None:
    suite = {str(index): estimate(0.05, 0.01, p=0.004) for index in range(3)}
    assert {result.reason.code for result in judge_stage(suite, RULE).values()} == {ReasonCode.NOT_SIGNIFICANT}
    assert judge_stage({"0": suite["0"]}, RULE)["0"].verdict is GateVerdict.SLOWER


@pytest.mark.parametrize(
    ("processes", "workloads", "fits"), [(12, 40, True), (12, 41, False), (7, 1, True), (6, 1, False)]
)
def test_a_suite_in_which_nothing_could_be_significant_is_refused(processes: int, workloads: int, fits: bool) -> None:
    """The smallest p-value is 2^-processes, times the workloads."""
    if fits:
        RULE.require_power(processes, workloads)
    else:
        with pytest.raises(InputError, match="processes must be at least"):
            RULE.require_power(processes, workloads)


@pytest.mark.parametrize("wrong", [{"processes": 5}, {"fewest_triples": 121}, {"min_window_ms": 0}, {"budget_s": -1}])
def test_a_sampling_that_says_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SamplingPlan(**wrong)


@pytest.mark.parametrize(("workloads", "limit_s"), [(1, 60), (2, 90), (10, 300)])
def test_a_suite_is_sampled_within_its_time(workloads: int, limit_s: float) -> None:
    sampling = SamplingPlan().for_suite(workloads)
    warm_up_s = 3 * sampling.warm_up_ms / 1e3
    assert 24 * (0.5 + workloads * (warm_up_s + sampling.budget_s)) <= limit_s + 1e-9
    assert sampling.budget_s > 0.7  # 120 triples of 2 ms windows take 0.72 s


def test_ratios_are_shown_as_changes() -> None:
    assert [percent(math.log(ratio)) for ratio in (1.05, 1.0, 0.5)] == ["+5.0%", "+0.0%", "-50.0%"]


class TestErrorRates:
    def test_identical_sides_are_hardly_ever_called_slower(self) -> None:
        rng = np.random.default_rng(0)
        decisions = [gate(drawn(rng, 0), drawn(rng, 0)) for _ in range(4000)]
        assert sum(decision.verdict is GateVerdict.SLOWER for decision in decisions) <= 4
        assert sum(decision.verdict is GateVerdict.INCONCLUSIVE for decision in decisions) <= 40

    def test_a_true_slowdown_of_5_percent_is_nearly_always_found(self) -> None:
        rng = np.random.default_rng(1)
        found = sum(gate(drawn(rng, 0.05), drawn(rng, 0.05)).verdict is GateVerdict.SLOWER for _ in range(1000))
        assert found >= 990

    def test_identical_sides_on_a_wild_machine_are_inconclusive_rather_than_slower(self) -> None:
        rng = np.random.default_rng(2)
        decisions = [gate(drawn(rng, 0, noise=0.05), drawn(rng, 0, noise=0.05)) for _ in range(500)]
        assert not any(decision.verdict is GateVerdict.SLOWER for decision in decisions)
        assert sum(decision.verdict is GateVerdict.INCONCLUSIVE for decision in decisions) >= 400

    @pytest.mark.slow
    @pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
    def test_no_amount_of_noise_makes_false_alarms(self, noise: float) -> None:
        rng = np.random.default_rng(5)
        decisions = (gate(drawn(rng, 0, noise=noise), drawn(rng, 0, noise=noise)) for _ in range(4000))
        assert sum(decision.verdict is GateVerdict.SLOWER for decision in decisions) <= 4

    def test_a_network_much_slower_is_found_on_a_wild_machine(self) -> None:
        rng = np.random.default_rng(6)
        found = [gate(drawn(rng, 0.8, noise=0.05), drawn(rng, 0.8, noise=0.05)).verdict for _ in range(200)]
        assert found.count(GateVerdict.SLOWER) >= 190

    def test_the_rates_of_gates_drawn_from_a_pool_are_those_of_independent_gates(self) -> None:
        rng = np.random.default_rng(3)
        names = ("a", "b")
        pool = {name: {s: drawn(rng, s, count=60) for s in (0.0, 0.025, 0.10)} for name in names}
        rates = {(r.workload, r.slowdown): r for r in detection_rates(pool, RULE, processes=12, gates=100)}
        assert set(rates) == {(ANY, 0.0), *itertools.product(names, (0.0, 0.025, 0.10))}
        for name in names:
            assert rates[name, 0.0].slower == 0
            assert rates[name, 0.10].slower == 100
            assert rates[name, 0.025].slower < 60  # at the limit: half the estimates are below, in each stage
        assert rates[ANY, 0.0].slower == 0

    def test_a_pool_too_small_for_a_gate_and_its_confirmation_is_refused(self) -> None:
        pool = {"a": {0.0: drawn(np.random.default_rng(4), 0, count=23)}}
        with pytest.raises(InputError, match="pool must be at least 24 processes"):
            detection_rates(pool, RULE, processes=12, gates=1)


def arm(
    times: Sequence[int], *, runs: int = 1, nominal: int = 1, asked: int = 1, clock: str = "cpu_ns"
) -> dict[str, Any]:
    columns: dict[str, Any] = {"cpu_ns": [1] * len(times), "device_ns": [None] * len(times), clock: list(times)}
    return {"clock": clock, "nominal": nominal, "asked": asked, "runs": [runs] * len(times), "wall_ns": list(times),
            "output_difference": 0.0, **columns}  # fmt: skip


class TestReplicates:
    def test_drift_that_all_arms_share_leaves_the_delta(self) -> None:
        drift = [1000, 2000, 4000, 8000, 16000]
        one = replicate_from_triples(
            {"base": arm(drift), "base again": arm(drift), "head": arm([3 * time for time in drift])}
        )
        assert one.delta == pytest.approx(math.log(3))
        assert one.null == 0
        assert one.base_ms == pytest.approx(0.004)

    def test_the_wall_clock_is_judged_by_its_shortest_window(self) -> None:
        arms = {
            "base": {**arm([100, 100]), "wall_ns": [100, 900]},
            "base again": {**arm([100, 100]), "wall_ns": [900, 100]},
            "head": {**arm([100, 100]), "wall_ns": [200, 900]},
        }
        one = replicate_from_triples(arms)
        assert (one.delta, one.wall_null) == (0, 0)
        assert one.wall_delta == pytest.approx(math.log(2))

    def test_a_device_clock_counts_where_there_is_one(self) -> None:
        arms = {
            "base": arm([100], clock="device_ns"),
            "base again": arm([100], clock="device_ns"),
            "head": arm([150], clock="device_ns"),
        }
        assert replicate_from_triples(arms).delta == pytest.approx(math.log(1.5))

    def test_injected_runs_take_time_and_do_not_count(self) -> None:
        plain = arm([2000], runs=20, nominal=20, asked=20)
        one = replicate_from_triples(
            {"base": plain, "base again": plain, "head": arm([2100], runs=21, nominal=20, asked=21)}
        )
        assert one.delta == pytest.approx(math.log(1.05))

    @pytest.mark.parametrize("sides", [(BASE, HEAD, HEAD, BASE), (HEAD, BASE, BASE, HEAD)])
    def test_a_linear_drift_cancels_in_a_block(self, sides: tuple[str, ...]) -> None:
        processes = []
        for position, side in enumerate(sides):
            level = math.exp(0.01 * position + (math.log(1.05) if side == HEAD else 0)) * 1e6
            processes.append({f"load {i}": arm([round(level)] * 3) for i in range(3)})
        one = replicate_from_block(sides, processes)
        assert one.delta == pytest.approx(math.log(1.05), abs=1e-5)
        assert one.null == pytest.approx(0.01 * (3 if sides[0] == BASE else 1), abs=1e-5)
        assert one.windows == 3
