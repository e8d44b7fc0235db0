"""When a principle of the paper is reported to hold, to fail, to be tied, or to be undecided, and by which code."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from lpsnet.classes import ClassSet
from lpsnet.evaluated import Evaluation
from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.verdicts import (
    Missing,
    ReasonCode,
    Verdict,
    judge_block,
    judge_interaction,
    judge_widths,
)
from microbench.report.verdicts.widths import follows_rule

MakeRecord = Callable[..., Record]

RNG = np.random.default_rng(7)
COARSE = tuple(range(8, 73, 8))
SMALL = tuple(range(1, 18))
INTERACTIONS = ("none", "direct_a", "direct_b", "attention_a", "attention_b", "bilateral_a", "bilateral_b")
BLOCKS = ("shufflenet", "inverted_residual", "ghost", "residual", "bottleneck", "sepconv3x3", "conv3x3")

CLASSES = ClassSet(names=("a", "b"), palette=((0, 0, 0), (255, 255, 255)))


def noise(generations: int = 10, scale: float = 0.01) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.exp(RNG.normal(0, scale, generations))


def figure4(
    make_record: MakeRecord, conv_ms: float, sepconv_ms: float, scale: float = 0.01, loads: int = 10
) -> list[Record]:
    """The convolution does 7 times the arithmetic of the other, as in Figure 4."""
    return [
        make_record("figure4", "conv", {"block": "conv3x3:bare"}, conv_ms * noise(loads, scale), macs=151_000_000),
        make_record("figure4", "sep", {"block": "sepconv3x3:bare"}, sepconv_ms * noise(loads, scale), macs=21_571_429),
    ]


def figure5(
    make_record: MakeRecord,
    widths: Sequence[int],
    latency_ms: Callable[[int], float],
    scale: float = 0.002,
    loads: int = 10,
) -> list[Record]:
    return [
        make_record("figure5", f"c{c}", {"block": "conv3x3:bare", "width": c}, latency_ms(c) * noise(loads, scale),
                    macs=9 * c * c * 128 * 128)
        for c in widths
    ]  # fmt: skip


def table3(make_record: MakeRecord, latencies_ms: Mapping[str, float], scale: float = 0.01) -> list[Record]:
    return [
        make_record("table3", name, {"interaction": name}, latency * noise(scale=scale))
        for name, latency in latencies_ms.items()
    ]


def trained(names: Sequence[str], best: str, seeds: int = 2) -> dict[str, Accuracy]:
    """Networks that are right in 60% of the pixels of each of 50 images, and `best` in 70%, in all trainings."""

    def accuracy(name: str) -> Accuracy:
        right = 700 if name == best else 600
        counts = np.tile(np.array([[right, 1000 - right], [1000 - right, right]]), (50, 1, 1))
        evaluation = Evaluation("generated", "val", CLASSES, tuple(map(str, range(50))), counts)
        return Accuracy(name, "recipe", tuple(range(seeds)), (evaluation,) * seeds, ({},) * seeds)

    return {name: accuracy(name) for name in names}


def codes(verdict: Verdict) -> list[ReasonCode]:
    return [claim.reason.code for claim in verdict.claims]


ALL_TRAINED = trained(BLOCKS, "conv3x3")


# Blocks


def test_the_block_holds_if_the_convolution_does_more_arithmetic_and_is_the_most_accurate(
    make_record: MakeRecord,
) -> None:
    verdict = judge_block(figure4(make_record, 2.0, 1.0), {}, ALL_TRAINED)
    assert (verdict.judgement, verdict.reason.code) == ("holds", ReasonCode.CLAIMS_HOLD)
    assert codes(verdict) == [ReasonCode.AHEAD, ReasonCode.AHEAD]
    # 151 / 2 MMACs/ms against 21.57 / 1
    assert verdict.claims[0].reason.values["ratio"] == pytest.approx(3.5, rel=0.02)
    (advice,) = verdict.advice
    assert (advice.take, advice.is_decided, advice.share, advice.is_accuracy_open) == ("3x3 Conv", True, 1.0, False)


def test_without_trained_networks_the_block_never_holds_however_fast_it_is(make_record: MakeRecord) -> None:
    rows = figure4(make_record, 2.0, 1.0)
    for accuracies in ({}, trained(["conv3x3", "ghost"], "conv3x3")):
        verdict = judge_block(rows, {}, accuracies)
        assert verdict.judgement == "undecided"
        assert codes(verdict) == [ReasonCode.AHEAD, ReasonCode.NOT_TRAINED]
        assert verdict.claims[1].reason.values == {"trained": len(accuracies), "needed": 7}
        assert verdict.advice[0].is_accuracy_open


def test_one_training_each_decides_nothing_about_accuracy(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 2.0, 1.0), {}, trained(BLOCKS, "residual", seeds=1))
    assert verdict.judgement == "undecided"
    assert codes(verdict) == [ReasonCode.AHEAD, ReasonCode.TRAINED_ONCE]
    assert verdict.claims[1].share is None


def test_the_block_fails_where_the_depthwise_separable_one_does_more(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 8.0, 1.0), {}, ALL_TRAINED)
    assert (verdict.judgement, verdict.reason.code) == ("fails", ReasonCode.CLAIM_FAILS)
    assert codes(verdict) == [ReasonCode.BEHIND, ReasonCode.AHEAD]
    assert verdict.advice[0].take == "3x3 SepConv"


def test_blocks_that_are_equal_within_a_hundredth_are_tied(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 7.0, 1.0, scale=0.002), {}, ALL_TRAINED)
    assert verdict.judgement == "tied"
    assert codes(verdict)[0] is ReasonCode.TIED


@pytest.mark.parametrize(
    ("scale", "loads", "code"),
    [
        (0.0, 5, ReasonCode.TOO_FEW_LOADS),
        (0.0, 1, ReasonCode.TOO_FEW_LOADS),
        (0.3, 10, ReasonCode.TOO_NOISY),
        (0.03, 10, ReasonCode.NOT_SEPARATED),
    ],
)
def test_the_block_is_undecided_with_few_loads_much_noise_or_a_small_difference(
    make_record: MakeRecord, scale: float, loads: int, code: ReasonCode
) -> None:
    sepconv_ms = 1.0 if scale else 1.5
    verdict = judge_block(figure4(make_record, 7.0, sepconv_ms, scale=scale, loads=loads), {}, ALL_TRAINED)
    assert verdict.judgement == "undecided"
    assert codes(verdict)[0] is code
    assert not verdict.advice[0].is_decided
    assert (verdict.claims[0].share is None) == (loads < 6)


def test_a_block_that_is_more_efficient_in_table_2_contradicts_the_principle(make_record: MakeRecord) -> None:
    speeds = {"conv3x3": 2.0, "residual": 1.0, "ghost": 5.0}
    rows = {block: make_record("table2", block, {"block": block, "c": 8}, ms * noise()) for block, ms in speeds.items()}
    verdict = judge_block(figure4(make_record, 2.0, 1.0), {"paper's widths": rows}, {})
    assert (verdict.judgement, verdict.advice[0].take) == ("fails", "Residual")
    assert codes(verdict) == [ReasonCode.AHEAD, ReasonCode.BEHIND, ReasonCode.NOT_TRAINED]
    assert verdict.claims[1].reason.values["rival"] == "residual"


def test_rows_of_different_runs_are_ahead_only_by_more_than_runs_may_differ(make_record: MakeRecord) -> None:
    first, second = figure4(make_record, 6.8, 1.0, scale=0.002)
    assert codes(judge_block([first, second], {}, {}))[0] is ReasonCode.AHEAD
    verdict = judge_block([dataclasses.replace(first, run="another"), second], {}, {})
    assert codes(verdict)[0] is ReasonCode.NOT_SEPARATED
    assert [doubt.code for doubt in verdict.claims[0].doubts] == [ReasonCode.DIFFERENT_RUNS]


def test_the_table_of_candidates_has_the_most_efficient_the_papers_and_the_most_accurate(
    make_record: MakeRecord,
) -> None:
    verdict = judge_block(figure4(make_record, 8.0, 1.0), {}, trained(BLOCKS, "residual"))
    assert [one.name for one in verdict.candidates] == ["3x3 SepConv", "3x3 Conv", "Residual"]
    assert [one.accuracy for one in verdict.candidates] == ["42.9 ±0.0%", "42.9 ±0.0%", "53.8 ±0.0%"]
    assert [bool(one.speed) for one in verdict.candidates] == [True, True, False]


def test_without_records_nothing_is_decided_and_the_command_is_named() -> None:
    missing = Missing("Figure 5", "microbench run figure5")
    verdicts = [judge_block([], {}, {}), judge_widths([], {"b": COARSE}, [missing]), judge_interaction([], {})]
    assert {(v.judgement, v.reason.code, v.advice, v.claims) for v in verdicts} == {
        ("undecided", ReasonCode.NOT_MEASURED, (), ())
    }
    assert "microbench run figure5" in verdicts[1].as_text().splitlines()[-1]


# Widths


def staircase(step: int) -> Callable[[int], float]:
    return lambda c: 0.001 * (-(-c // step) * step) ** 2 + 0.0001 * c


def test_widths_hold_on_a_staircase_of_sixteen_channels(make_record: MakeRecord) -> None:
    verdict = judge_widths(figure5(make_record, COARSE, staircase(16)), {"b": COARSE})
    assert (verdict.judgement, codes(verdict)) == ("holds", [ReasonCode.RULE_FOLLOWED])
    assert {advice.take for advice in verdict.advice} == {"16", "32", "48", "64"}
    assert all(advice.is_decided and advice.share == 1.0 for advice in verdict.advice)


def test_widths_are_ranked_by_what_they_gain_and_say_what_the_next_wider_one_costs(make_record: MakeRecord) -> None:
    verdict = judge_widths(figure5(make_record, COARSE, staircase(16)), {"b": COARSE})
    # Over the better neighbour, 24: 16 needs 1/4 of the tiles' time for 4/9 of the MACs.
    assert [advice.take for advice in verdict.advice] == ["16", "32", "48", "64"]
    (gain,) = re.findall(r"at least (\d+)% more MACs/ms", verdict.advice[0].standing)
    assert int(gain) == pytest.approx(78, abs=2)
    assert verdict.advice[0].cost is not None
    assert re.fullmatch(r"24 channels take (29|30)\d% longer than 16 for 125% more MACs", verdict.advice[0].cost)


def test_widths_fail_on_a_staircase_of_twenty_four_channels(make_record: MakeRecord) -> None:
    verdict = judge_widths(figure5(make_record, COARSE, staircase(24)), {"b": COARSE})
    assert (verdict.judgement, codes(verdict)) == ("fails", [ReasonCode.OTHER_WIDTH_IS_A_SWEET_SPOT])
    assert {advice.take for advice in verdict.advice} == {"24", "48"}


def test_widths_fail_where_latency_is_smooth(make_record: MakeRecord) -> None:
    verdict = judge_widths(figure5(make_record, COARSE, lambda c: 0.001 * c * c + 0.1), {"b": COARSE})
    assert (verdict.judgement, codes(verdict)) == ("fails", [ReasonCode.EXPECTED_WIDTH_IS_NO_SWEET_SPOT])
    assert [advice.take for advice in verdict.advice] == ["any width"]


def chains5(
    make_record: MakeRecord, inside_ms: Callable[[int], float], ends_ms: Callable[[int], float], scale: float = 0.001
) -> list[Record]:
    """Chains of 1, 2 and 4 blocks of each width: a line of these costs and these ends."""
    return [
        make_record("figure5", f"c{c}-{depth}", {"block": "conv3x3:bare", "width": c, "depth": depth},
                    (ends_ms(c) + depth * inside_ms(c)) * noise(12, scale), macs=9 * c * c * 128 * 128 * depth)
        for c in COARSE
        for depth in (1, 2, 4)
    ]  # fmt: skip


def test_widths_are_judged_inside_the_network_where_chains_were_timed_with_the_single_block_beside(
    make_record: MakeRecord,
) -> None:
    """The ends have steps of 24 channels, and are the larger part of a single block."""
    rows = chains5(make_record, staircase(16), lambda c: 4 * staircase(24)(c))
    verdict = judge_widths(rows, {"b": COARSE})
    assert (verdict.judgement, codes(verdict)) == ("holds", [ReasonCode.RULE_FOLLOWED])
    assert [
        claim.text.startswith("Figure 5(b), onnxruntime fp32, 1 thread, inside a network") for claim in verdict.claims
    ] == [True]
    assert len(verdict.claims[0].rows) == 3 * len(COARSE)
    assert {advice.take for advice in verdict.advice} == {"16", "32", "48", "64"}
    assert "(a block alone: " in verdict.reason.message
    alone = judge_widths([row for row in rows if row.axes["depth"] == 1], {"b": COARSE})
    assert codes(alone) == [ReasonCode.OTHER_WIDTH_IS_A_SWEET_SPOT]


def test_chains_of_a_width_that_cost_nothing_for_sure_are_no_point_of_the_panel(make_record: MakeRecord) -> None:
    rows = chains5(make_record, lambda _: 1e-6, lambda _: 1.0, scale=0.01)
    verdict = judge_widths(rows, {"b": COARSE})
    assert not any("inside a network" in claim.text for claim in verdict.claims)


@pytest.mark.parametrize("law", [staircase(16), staircase(24), lambda c: 0.001 * c * c + 0.1])
@pytest.mark.parametrize(
    ("scale", "loads", "code"), [(0.002, 4, ReasonCode.TOO_FEW_LOADS), (0.4, 10, ReasonCode.TOO_NOISY)]
)
def test_widths_are_undecided_with_few_loads_or_much_noise(
    make_record: MakeRecord, law: Callable[[int], float], scale: float, loads: int, code: ReasonCode
) -> None:
    rows = figure5(make_record, COARSE, law, scale, loads)
    verdict = judge_widths(rows, {"b": COARSE})
    assert (verdict.judgement, codes(verdict), verdict.advice) == ("undecided", [code], ())


def test_widths_are_undecided_where_a_step_is_hardly_larger_than_the_noise(make_record: MakeRecord) -> None:
    rows = figure5(make_record, COARSE, lambda c: 0.001 * c * c * (1 if c % 16 == 0 else 1.02), scale=0.02)
    assert codes(judge_widths(rows, {"b": COARSE})) == [ReasonCode.NOT_SEPARATED]


@pytest.mark.parametrize(
    ("spots", "widths", "expected"),
    [
        ((16, 32, 48, 64), COARSE, True),
        ((64,), COARSE, True),
        ((32,), COARSE, False),  # 64 is more divisible, and no sweet spot
        ((24, 48), COARSE, False),  # 16 and 32, beside 24, are divisible by more
        ((12, 16), SMALL, True),
        ((8, 15, 16), SMALL, False),
        ((), SMALL, False),
    ],
)
def test_the_papers_rule_of_widths(spots: tuple[int, ...], widths: tuple[int, ...], expected: bool) -> None:
    assert follows_rule(spots, widths) is expected


# Interactions


def test_the_interaction_is_undecided_while_networks_are_not_trained(make_record: MakeRecord) -> None:
    latencies = {name: 1.0 + 0.1 * place for place, name in enumerate(["none", "bilateral_b", *INTERACTIONS[1:-1]])}
    verdict = judge_interaction(table3(make_record, latencies), {})
    assert (verdict.judgement, codes(verdict)) == ("undecided", [ReasonCode.AHEAD, ReasonCode.NOT_TRAINED])
    (advice,) = verdict.advice
    assert (advice.take, advice.standing, advice.is_accuracy_open) == ("Bilateral-B", "fastest of the 6 here", True)
    assert advice.cost is not None
    assert advice.cost.startswith("adds +0.10 ms to no interaction (95% CI ")


def test_the_interaction_holds_if_it_is_the_cheapest_and_the_most_accurate(make_record: MakeRecord) -> None:
    latencies = dict.fromkeys(INTERACTIONS, 2.0) | {"none": 1.0, "bilateral_b": 1.1}
    rows = table3(make_record, latencies)
    assert judge_interaction(rows, trained(INTERACTIONS, "bilateral_b")).judgement == "holds"
    worse = judge_interaction(rows, trained(INTERACTIONS, "attention_b"))
    assert (worse.judgement, codes(worse)) == ("fails", [ReasonCode.AHEAD, ReasonCode.BEHIND])
    assert worse.advice[0].take == "Attention-B"
    once = judge_interaction(rows, trained(INTERACTIONS, "attention_b", seeds=1))
    assert (once.judgement, once.advice[0].take) == ("undecided", "Bilateral-B")


def test_the_interactions_table_of_candidates_has_none_and_the_miou_found_here(make_record: MakeRecord) -> None:
    latencies = dict.fromkeys(INTERACTIONS, 2.0) | {"none": 1.0, "direct_a": 1.1}
    verdict = judge_interaction(table3(make_record, latencies), trained(INTERACTIONS, "attention_b"))
    assert [one.name for one in verdict.candidates] == ["Direct-A", "Bilateral-B", '"none"', "Attention-B"]
    assert [one.accuracy.split()[0] for one in verdict.candidates] == ["42.9", "42.9", "42.9", "53.8"]
    assert float(verdict.candidates[2].speed.split()[0]) == pytest.approx(1.0, abs=0.02)


def test_two_interactions_that_cost_the_same_are_tied_or_undecided_and_never_fail(make_record: MakeRecord) -> None:
    latencies = dict.fromkeys(INTERACTIONS, 2.0) | {"none": 1.0, "bilateral_b": 1.5, "direct_a": 1.5}
    accuracies = trained(INTERACTIONS, "bilateral_b")
    noisy = judge_interaction(table3(make_record, latencies, scale=0.03), accuracies)
    assert (noisy.judgement, codes(noisy)[0]) == ("undecided", ReasonCode.NOT_SEPARATED)
    quiet = judge_interaction(table3(make_record, latencies, scale=0.002), accuracies)
    assert (quiet.judgement, codes(quiet)[0]) == ("tied", ReasonCode.TIED)


# Doubts and JSON


def test_noisy_and_unconverged_rows_are_named(make_record: MakeRecord) -> None:
    first, second = figure4(make_record, 2.0, 1.0, scale=0.001)
    assert first.measurement is not None
    doubtful = dataclasses.replace(first.measurement, converged=False, noise_reasons=("pressure 40%",))
    verdict = judge_block([dataclasses.replace(first, measurement=doubtful), second], {}, {})
    doubts = verdict.claims[0].doubts
    assert [doubt.code for doubt in doubts] == [ReasonCode.NOT_CONVERGED, ReasonCode.NOISY_ROWS]
    assert [doubt.values for doubt in doubts] == [{"rows": 1, "of": 2}] * 2
    assert not verdict.is_free_of_doubt
    assert "1 of 2 rows did not converge" in " ".join(verdict.as_text().split())


def test_a_verdict_is_the_same_each_time_and_is_json(make_record: MakeRecord) -> None:
    rows = figure4(make_record, 7.0, 1.0, scale=0.2, loads=3)
    first, second = (judge_block(rows, {}, {}) for _ in range(2))
    assert first == second
    document = json.loads(json.dumps(first.as_json(), allow_nan=False))
    assert document["claims"][0]["rows"][0]["name"] == "conv"
    assert document["claims"][0]["reason"]["code"] == "too_few_loads"


def test_a_single_load_has_no_interval_and_is_json_still(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 7.0, 1.0, loads=1), {}, {})
    (comparison,) = json.loads(json.dumps(verdict.as_json(), allow_nan=False))["claims"][0]["comparisons"]
    assert (comparison["low"], comparison["high"]) == (None, None)


def test_the_text_for_a_terminal_breaks_no_word_and_leaves_commands_whole(make_record: MakeRecord) -> None:
    command = "microbench run table3 --runtime onnxruntime --precision fp32 --device cpu --machine a-board --fresh"
    latencies = dict.fromkeys(INTERACTIONS, 2.0)
    verdict = judge_interaction(table3(make_record, latencies), {}, [Missing("Table 3", command)])
    lines = verdict.as_text().splitlines()
    assert f"    {command}" in lines
    assert all(len(line) <= 100 for line in lines if command not in line)
    assert not any(line.rstrip().endswith("Bilateral-") for line in lines)
