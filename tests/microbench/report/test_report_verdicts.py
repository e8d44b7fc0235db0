"""When a principle of the paper is said to hold, to fail, or left open."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from lpsnet.classes import ClassSet
from lpsnet.evaluated import Evaluation
from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.verdicts import Missing, Verdict, judge_block, judge_interaction, judge_widths
from microbench.report.verdicts.verdict import judged
from microbench.report.verdicts.widths import follows_rule

MakeRecord = Callable[..., Record]

RNG = np.random.default_rng(7)
COARSE = tuple(range(8, 73, 8))
SMALL = tuple(range(1, 18))
INTERACTIONS = ("none", "direct_a", "direct_b", "attention_a", "attention_b", "bilateral_a", "bilateral_b")
BLOCKS = ("shufflenet", "inverted_residual", "ghost", "residual", "bottleneck", "sepconv3x3", "conv3x3")


def noise(generations: int = 10, scale: float = 0.01) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.exp(RNG.normal(0, scale, generations))


def figure4(make_record: MakeRecord, conv_ms: float, sepconv_ms: float, scale: float = 0.01) -> list[Record]:
    """The convolution does 7 times the arithmetic of the other, as in Figure 4."""
    return [
        make_record("figure4", "conv", {"block": "conv3x3:bare"}, conv_ms * noise(scale=scale), macs=151_000_000),
        make_record("figure4", "sep", {"block": "sepconv3x3:bare"}, sepconv_ms * noise(scale=scale), macs=21_571_429),
    ]


def figure5(
    make_record: MakeRecord, widths: Sequence[int], latency_ms: Callable[[int], float], scale: float = 0.002
) -> list[Record]:
    return [
        make_record("figure5", f"c{c}", {"block": "conv3x3:bare", "width": c}, latency_ms(c) * noise(scale=scale),
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


CLASSES = ClassSet(names=("a", "b"), palette=((0, 0, 0), (255, 255, 255)))


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "holds"), (0.95, "holds"), (0.94, "undecided"), (0.06, "undecided"), (0.05, "fails")]
)
def test_the_share_decides(share: float, expected: str) -> None:
    assert judged(share) == expected


def test_the_block_holds_where_the_convolution_does_clearly_more_arithmetic(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 2.0, 1.0), {}, {})
    assert (verdict.judgement, verdict.share, verdict.advice) == ("holds", 1.0, "3x3 Conv")
    # 151 / 2 MMACs/ms against 21.57 / 1
    assert "3.5" in verdict.claims[0].found


def test_the_block_fails_where_the_depthwise_separable_one_does_more(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 8.0, 1.0), {}, {})
    assert (verdict.judgement, verdict.share, verdict.advice) == ("fails", 0.0, "3x3 SepConv")


def test_the_block_is_undecided_where_noise_could_turn_the_order_round(make_record: MakeRecord) -> None:
    verdict = judge_block(figure4(make_record, 7.0, 1.0, scale=0.2), {}, {})
    assert verdict.judgement == "undecided"
    assert verdict.share is not None
    assert 0.05 < verdict.share < 0.95


def test_a_block_that_is_more_efficient_in_table_2_contradicts_the_principle(make_record: MakeRecord) -> None:
    speeds = {"conv3x3": 2.0, "residual": 1.0, "ghost": 5.0}
    rows = {block: make_record("table2", block, {"block": block, "c": 8}, ms * noise()) for block, ms in speeds.items()}
    verdict = judge_block(figure4(make_record, 2.0, 1.0), {"equal latency": rows}, {})
    assert (verdict.judgement, verdict.advice) == ("fails", "Residual")
    assert [claim.judgement for claim in verdict.claims] == ["holds", "fails"]


def test_accuracy_joins_the_blocks_verdict_once_all_networks_are_trained(make_record: MakeRecord) -> None:
    rows = figure4(make_record, 2.0, 1.0)
    assert judge_block(rows, {}, trained(BLOCKS, "conv3x3")).judgement == "holds"
    assert judge_block(rows, {}, trained(BLOCKS, "residual")).judgement == "fails"
    once = judge_block(rows, {}, trained(BLOCKS, "residual", seeds=1))
    assert once.judgement == "undecided"
    assert "a single seed each, which does not show how far trainings spread" in once.claims[-1].found
    some = judge_block(rows, {}, trained(["conv3x3", "ghost"], "conv3x3"))
    assert some.judgement == "holds"
    assert "What it does to accuracy is open: 2 of the 7 networks of Table 2 are trained" in some.reason


def test_without_records_nothing_is_decided_and_the_command_is_named() -> None:
    missing = Missing("Figure 5", "microbench run figure5")
    verdicts = [judge_block([], {}, {}), judge_widths([], {"b": COARSE}, [missing]), judge_interaction([], {})]
    assert [(v.judgement, v.share, v.advice, v.claims) for v in verdicts] == [("undecided", None, None, ())] * 3
    assert "microbench run figure5" in verdicts[1].as_text()


def test_a_single_generation_decides_nothing(make_record: MakeRecord) -> None:
    rows = [
        make_record("figure4", "conv", {"block": "conv3x3:bare"}, [1.0]),
        make_record("figure4", "sep", {"block": "sepconv3x3:bare"}, [9.0]),
    ]
    assert judge_block(rows, {}, {}).judgement == "undecided"


def test_widths_hold_on_a_staircase_of_sixteen_channels(make_record: MakeRecord) -> None:
    rows = figure5(make_record, COARSE, lambda c: 0.001 * (-(-c // 16) * 16) ** 2 + 0.0001 * c)
    verdict = judge_widths(rows, {"b": COARSE})
    assert verdict.judgement == "holds"
    assert verdict.advice == "16, 32, 48, 64"
    assert "24, 40, 56, 72, just past a cliff" in verdict.reason


def test_widths_fail_on_a_staircase_of_twenty_four_channels(make_record: MakeRecord) -> None:
    rows = figure5(make_record, COARSE, lambda c: 0.001 * (-(-c // 24) * 24) ** 2 + 0.0001 * c)
    verdict = judge_widths(rows, {"b": COARSE})
    assert (verdict.judgement, verdict.share) == ("fails", 0.0)
    assert verdict.advice == "24, 48"


def test_widths_fail_where_latency_is_smooth(make_record: MakeRecord) -> None:
    verdict = judge_widths(figure5(make_record, COARSE, lambda c: 0.001 * c * c + 0.1), {"b": COARSE})
    assert verdict.judgement == "fails"
    assert verdict.advice == "any: no width stands out"


def test_widths_are_undecided_where_a_step_is_hardly_larger_than_the_noise(make_record: MakeRecord) -> None:
    """A step that 64 has over both neighbours in about half of the resamples."""

    def latency_ms(width: int, height: float) -> float:
        return 0.001 * width * width * (1 if width % 16 == 0 else height)

    seen = set()
    for height in (1.02, 1.03, 1.04, 1.05, 1.06):
        rows = figure5(make_record, COARSE, functools.partial(latency_ms, height=height), scale=0.015)
        seen.add(judge_widths(rows, {"b": COARSE}).judgement)
    assert "undecided" in seen


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


def test_the_interaction_is_open_while_networks_are_not_trained(make_record: MakeRecord) -> None:
    latencies = {name: 1.0 + 0.1 * place for place, name in enumerate(["none", "bilateral_b", *INTERACTIONS[1:-1]])}
    verdict = judge_interaction(table3(make_record, latencies), {})
    assert (verdict.judgement, verdict.share, verdict.advice) == ("undecided", None, "Bilateral-B")
    assert [claim.judgement for claim in verdict.claims] == ["holds", "undecided"]


def test_the_interaction_holds_if_it_is_the_cheapest_and_the_most_accurate(make_record: MakeRecord) -> None:
    latencies = dict.fromkeys(INTERACTIONS, 2.0) | {"none": 1.0, "bilateral_b": 1.1}
    rows = table3(make_record, latencies)
    assert judge_interaction(rows, trained(INTERACTIONS, "bilateral_b")).judgement == "holds"
    worse = judge_interaction(rows, trained(INTERACTIONS, "attention_b"))
    assert (worse.judgement, worse.advice) == ("fails", "Attention-B")
    once = judge_interaction(rows, trained(INTERACTIONS, "attention_b", seeds=1))
    assert (once.judgement, once.advice) == ("undecided", "Bilateral-B")


def test_two_interactions_that_cost_the_same_leave_it_undecided(make_record: MakeRecord) -> None:
    latencies = dict.fromkeys(INTERACTIONS, 2.0) | {"none": 1.0, "bilateral_b": 1.5, "direct_a": 1.5}
    verdict = judge_interaction(table3(make_record, latencies, scale=0.03), trained(INTERACTIONS, "bilateral_b"))
    assert verdict.judgement == "undecided"


def test_noisy_and_unconverged_rows_are_told(make_record: MakeRecord) -> None:
    first, second = figure4(make_record, 2.0, 1.0, scale=0.001)
    assert first.measurement is not None
    doubtful = dataclasses.replace(first.measurement, converged=False, noise_reasons=("pressure 40%",))
    verdict = judge_block([dataclasses.replace(first, measurement=doubtful, run="other"), second], {}, {})
    assert verdict.claims[0].doubts == (
        "rows that did not converge: 1 of 2; noisy rows: 1 of 2; "
        "rows of several runs, and drift between these is in no interval"
    )
    assert verdict.claims[0].doubts in " ".join(verdict.as_text().split())


def test_a_verdict_is_the_same_each_time_and_is_json(make_record: MakeRecord) -> None:
    rows = figure4(make_record, 7.0, 1.0, scale=0.2)
    first, second = (judge_block(rows, {}, {}) for _ in range(2))
    assert first == second
    document = json.loads(json.dumps(first.as_json(), allow_nan=False))
    assert document["claims"][0]["rows"][0]["name"] == "conv"
    assert isinstance(first, Verdict)
