"""The ratio of cold to hot latency, alone and inside a network."""

from collections.abc import Callable

import numpy as np
import pytest

from microbench.experiments.sweep import CHAIN_DEPTHS
from microbench.measure.record import Record
from microbench.report.cache_ratio import CacheRatio, cache_ratios
from microbench.report.marginal import marginal_costs
from microbench.report.verdicts.block import judge_block

MakeRecord = Callable[..., Record]


def chains(
    make_record: MakeRecord, cache: str, ends_ms: float, block: str = "b", marginal_ms: float = 0.5
) -> list[Record]:
    loads = np.exp(np.random.default_rng(0).normal(0, 0.003, 12))
    return [
        make_record(
            "figure4",
            f"{block}/depth{depth}",
            {"block": block, "width": 8, "depth": depth},
            (ends_ms + marginal_ms * depth) * loads,
            macs=1_000_000 * depth,
            cache=cache,
        )
        for depth in CHAIN_DEPTHS
    ]


def ratios(records: list[Record]) -> list[CacheRatio]:
    return cache_ratios([record for record in records if record.axes["depth"] == 1], marginal_costs(records))


def test_cold_caches_lengthen_a_single_block_and_not_one_more_where_they_are_in_the_ends(
    make_record: MakeRecord,
) -> None:
    (found,) = ratios([*chains(make_record, "hot", 0.3), *chains(make_record, "cold", 0.9)])
    assert found.alone is not None
    assert found.alone.estimate == pytest.approx((0.9 + 0.5) / (0.3 + 0.5), rel=5e-3)
    assert found.inside is not None
    assert found.inside.low <= 1 <= found.inside.high
    assert found.inside.estimate == pytest.approx(1, abs=0.01)
    assert "cold caches it takes alone 1.75 times as long" in found.sentence
    assert "inside a network 1.00 times" in found.sentence
    assert found.target == "onnxruntime fp32, 1 thread"


def test_a_block_that_was_measured_hot_alone_has_no_ratio(make_record: MakeRecord) -> None:
    assert ratios(chains(make_record, "hot", 0.3)) == []
    assert ratios(chains(make_record, "cold", 0.3)) == []


def test_the_principle_is_judged_with_hot_caches_where_both_were_measured(make_record: MakeRecord) -> None:
    def both(cache: str) -> list[Record]:
        conv = chains(make_record, cache, 0.3, "conv3x3:bare")
        return [*conv, *chains(make_record, cache, 0.3, "sepconv3x3:bare", 2.0)]

    (claim, *_) = judge_block([*both("hot"), *both("cold")], {}, {}).claims
    assert "cold" not in claim.text
    texts = [claim.text for claim in judge_block([*both("hot"), *both("cold")], {}, {}).claims]
    assert not any("cold" in text for text in texts)
    assert any("cold caches" in claim.text for claim in judge_block(both("cold"), {}, {}).claims)
