"""Latencies of two rows in the generations in which both were sampled side by side."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from microbench.measure.measurement import Generation
from microbench.measure.record import Record
from microbench.measure.statistics import Samples


def paired_latencies(first: Record, second: Record) -> list[tuple[Samples, Samples]]:
    """Latencies in milliseconds of both rows, for each independent unit of the generations that both have.

    Rows end when they are known well enough, so one may have generations that the other lacks. The rows are taken to
    be of one run; where they are not, the pairs are no pairs, and drift between the runs is in their difference.

    A unit is a generation or, where a row has builds, all generations of the same builds: what a build drew is in each
    of them (see `microbench.measure.measurement.independent_samples`).
    """
    of_first, of_second = _by_index(first), _by_index(second)
    units: dict[Hashable, list[tuple[Samples, Samples]]] = {}
    for index in sorted(set(of_first) & set(of_second)):
        a, b = of_first[index], of_second[index]
        unit = index if a.build is None and b.build is None else (a.build, b.build)
        units.setdefault(unit, []).append((a.latencies_ms(), b.latencies_ms()))
    return [(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])) for pairs in units.values()]


def shared_loads(first: Record, second: Record) -> int:
    """How often the model was loaded, in the generations that both rows have: of the row with fewer loads."""
    of_first, of_second = _by_index(first), _by_index(second)
    shared = set(of_first) & set(of_second)
    return min(len({generations[index].load for index in shared}) for generations in (of_first, of_second))


def _by_index(record: Record) -> dict[int, Generation]:
    generations = record.measurement.generations if record.measurement else ()
    return {generation.index: generation for generation in generations}
