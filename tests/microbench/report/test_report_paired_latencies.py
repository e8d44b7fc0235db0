"""Two rows compared: what was drawn once, a generation or a build, counts once."""

import dataclasses

import numpy as np
import pytest

from microbench.measure.environment import fingerprint
from microbench.measure.measurement import Generation, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.statistics import Samples
from microbench.measure.undisturbed import ratio_interval
from microbench.report.paired_latencies import paired_latencies

QUIET = Diagnostics(0.0, 1.0, 0.0, None, None)


def record(latencies_ns: list[float], builds: list[int | None] | None = None) -> Record:
    """One generation of two windows for each latency."""
    generations = tuple(
        Generation(index, index, (Reading(1, round(ns), 0, 0),) * 2, builds[index] if builds else None)
        for index, ns in enumerate(latencies_ns)
    )
    measurement = summarize(generations, QUIET, ci_target=0.01, single_threaded=True)
    return Record("sweep", "row", {}, Configuration("tensorrt"), "10", "run", fingerprint(), measurement=measurement)


def without(whole: Record, index: int) -> Record:
    """Of a row that lost one generation, to throttling say."""
    assert whole.measurement is not None
    kept = tuple(g for g in whole.measurement.generations if g.index != index)
    return dataclasses.replace(whole, measurement=dataclasses.replace(whole.measurement, generations=kept))


def milliseconds(pairs: list[tuple[Samples, Samples]]) -> list[tuple[list[int], list[int]]]:
    return [((a * 1e6).round().astype(int).tolist(), (b * 1e6).round().astype(int).tolist()) for a, b in pairs]


def test_without_builds_each_generation_that_both_have_is_a_unit() -> None:
    pairs = paired_latencies(record([100, 101, 102]), without(record([200, 201, 202]), 1))
    assert milliseconds(pairs) == [([100, 100], [200, 200]), ([102, 102], [202, 202])]


def test_generations_of_the_same_builds_are_one_unit() -> None:
    pairs = paired_latencies(record([100, 101, 102, 103], [0, 1, 0, 1]), record([200, 201, 202, 203], [0, 1, 0, 1]))
    assert milliseconds(pairs) == [
        ([100, 100, 102, 102], [200, 200, 202, 202]),
        ([101, 101, 103, 103], [201, 201, 203, 203]),
    ]


def test_one_row_with_builds_is_enough() -> None:
    pairs = paired_latencies(record([100, 101, 102], [0, 1, 0]), record([200, 201, 202]))
    assert [len(a) for a, _ in pairs] == [4, 2]


@pytest.mark.parametrize("builds", [None, [generation % 3 for generation in range(12)]])
def test_a_ratio_holds_the_next_builds_ratio_only_if_builds_are_the_units(builds: list[int | None] | None) -> None:
    """200 pairs of rows of 3 builds that differ by 2%, in 4 generations each that differ by 0.2%; the truth is 2."""
    rng = np.random.default_rng(6)

    def row(typical_ns: float) -> Record:
        effects = rng.standard_normal(3) * 0.02
        noise = rng.standard_normal(12) * 0.002
        return record([typical_ns * np.exp(effects[g % 3] + noise[g]) for g in range(12)], builds)

    held = 0
    for _ in range(200):
        pairs = paired_latencies(row(2e6), row(1e6))
        ratio = ratio_interval([a for a, _ in pairs], [b for _, b in pairs])
        held += ratio.low <= 2.0 <= ratio.high
    assert (held / 200 >= 0.9) if builds else (held / 200 < 0.8)
