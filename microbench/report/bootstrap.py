"""A bootstrap of latencies over what was drawn independently, with the same draws for all rows of a run.

Rows of one run were sampled side by side, generation by generation: what disturbed one disturbed the others. So a
generation that is drawn twice counts twice for every row that was timed in it, and what is compared within a resample
was disturbed alike. Builds of a model (TensorRT's) are drawn for each row by itself, as one row's build says nothing of
another's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.measure.measurement import Generation
from microbench.measure.record import Record
from microbench.measure.statistics import student_t_975
from microbench.measure.undisturbed import Windows

RESAMPLES = 1000

MIN_UNITS = 2
"""From a single generation, or a single build, nothing is known of the others."""

Values = NDArray[np.float64]

_NORMAL_975 = statistics.NormalDist().inv_cdf(0.975)


def can_bootstrap(record: Record) -> bool:
    """Whether enough of the record was drawn independently for a bootstrap."""
    return record.measurement is not None and len(_by_unit(record.measurement.generations)) >= MIN_UNITS


def bootstrap_latencies_ms(records: Sequence[Record], *, resamples: int = RESAMPLES, seed: int = 0) -> Values:
    """The rows' undisturbed latencies in resamples of their generations, in milliseconds, (rows, resamples).

    The resamples' deviations are widened as `undisturbed_interval` widens its own: what a row is known to, from so few
    generations, is the same in both, but for the shift that the interval's lower bound allows for.

    Args:
        records: each measured, with at least `MIN_UNITS` generations or builds; see `can_bootstrap`.
        resamples: how many.
        seed: of the draws.

    Raises:
        ValueError: a record has too few generations.
    """
    rng = np.random.default_rng(seed)
    shared = {run: _draw(rng, indices, resamples) for run, indices in _indices_by_run(records).items()}
    return np.stack([_resampled(record, shared, resamples, rng) for record in records])


def _by_unit(generations: Sequence[Generation]) -> dict[int, Values]:
    """Latencies in milliseconds by what was drawn independently; see `microbench.measure.independent_samples`."""
    units: dict[int, list[Values]] = {}
    for generation in generations:
        unit = generation.build if _is_built_by_chance(generations) else generation.index
        assert unit is not None
        units.setdefault(unit, []).append(generation.latencies_ms())
    return {unit: np.concatenate(samples) for unit, samples in units.items()}


def _is_built_by_chance(generations: Sequence[Generation]) -> bool:
    return all(generation.build is not None for generation in generations)


def _indices_by_run(records: Sequence[Record]) -> dict[str, list[int]]:
    indices: dict[str, set[int]] = {}
    for record in records:
        if record.measurement is not None:
            indices.setdefault(record.run, set()).update(g.index for g in record.measurement.generations)
    return {run: sorted(found) for run, found in indices.items()}


def _draw(rng: np.random.Generator, units: Sequence[int], resamples: int) -> dict[int, Values]:
    """How often each unit is drawn, (resamples,)."""
    counts = rng.multinomial(len(units), np.full(len(units), 1 / len(units)), size=resamples).astype(np.float64)
    return dict(zip(units, counts.T, strict=True))


def _resampled(
    record: Record, shared: dict[str, dict[int, Values]], resamples: int, rng: np.random.Generator
) -> Values:
    generations = record.measurement.generations if record.measurement else ()
    units = _by_unit(generations)
    if len(units) < MIN_UNITS:
        raise ValueError(f"Row {record.name!r} has {len(units)} generations; a bootstrap needs {MIN_UNITS}.")
    drawn = _draw(rng, list(units), resamples) if _is_built_by_chance(generations) else shared[record.run]
    counts = np.stack([drawn[unit] for unit in units], axis=1)
    counts[counts.sum(1) == 0] = 1.0  # a resample without any generation of this row keeps all of them
    windows = Windows(list(units.values()))
    logs = np.log(windows.estimate(counts))
    count = len(units)
    widened = math.sqrt(count / (count - 1)) * student_t_975(count - 1) / _NORMAL_975
    centre = math.log(float(windows.estimate()))
    latencies: Values = np.exp(centre + widened * (logs - centre))
    return latencies
