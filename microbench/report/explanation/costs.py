"""What kernels cost on one device and runtime, found from the ceilings alone.

A ceiling is a graph of a few kernels, and its latency is taken to be the sum of what they cost:

    latency = run + sum over its kernels of (node + work * cost of the kernel's kind)

Work is multiply-accumulates of a convolution, those on channels that fill up vectors and blocks included, and bytes of
anything else. Of conversions of layout the cost of a byte depends on the channels, whose distance in memory is a whole
map: it is linear between a few widths. Graphs on maps of four pixels do no work to speak of, and show what starting a
run and a kernel takes. All ceilings of a configuration together are a system of linear equations, which is solved for
costs of at least 0 by least squares of the relative residuals. No row of a figure or a sweep enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microbench.measure.record import Configuration, Record
from microbench.report.explanation.kernels import (
    channels_of,
    computed_macs,
    converted_bytes,
    form_of,
    is_convolution,
    kernels_of,
    kind_of,
    map_bytes,
)
from microbench.runtimes.kernels import Kernel

_CONVERSION_KNOTS = (4, 16, 32, 48, 64)
"""Channels at which the cost of a conversion is found; in between it is linear, outside it is that of the nearest."""

_RIDGE = 1e-4
"""What the equations leave open, as between an input's and an output's conversion, is shared evenly."""
_FLAT = 1e-12
_NO_WORK_BYTES = 1024
"""Maps this small do no work to speak of."""

Values = NDArray[np.float64]
Term = tuple[str, int]
"""A kind of kernel, and the knot of its channels or 0."""

_RUN: Term = ("run", 0)
_NODE: Term = ("node", 0)


@dataclass(frozen=True)
class KernelCosts:
    """The costs of one configuration's kernels."""

    costs_ms: Mapping[Term, float]
    """Of a run, of a node, and of a unit of work (a MAC, a byte) of each kind at each knot."""

    def of(self, kernel: Kernel, record: Record) -> float | None:
        """Milliseconds of a kernel of the record, its node included; None if no ceiling has a kernel of its kind."""
        found = [knot for kind, knot in self.costs_ms if kind == kind_of(kernel, record)]
        if not found:
            return None
        terms = _terms(kernel, record, found)
        return sum(work * self.costs_ms[term] for term, work in terms.items()) + self.costs_ms[_NODE]

    @property
    def run_ms(self) -> float:
        """What a run takes beside its kernels."""
        return self.costs_ms[_RUN]


def kernel_costs(ceilings: Sequence[Record]) -> dict[Configuration, KernelCosts]:
    """The costs of every configuration on a CPU in which ceilings with their kernels were measured."""
    by_configuration: dict[Configuration, list[Record]] = {}
    for record in ceilings:
        if record.configuration.device == "cpu" and any(is_convolution(kernel) for kernel in kernels_of(record)):
            by_configuration.setdefault(record.configuration, []).append(record)
    return {configuration: _solve(rows) for configuration, rows in by_configuration.items()}


def _solve(ceilings: Sequence[Record]) -> KernelCosts:
    rows = [_equation(record) for record in ceilings]
    terms = list(dict.fromkeys(term for row in rows for term in row))
    latencies = np.array([record.measurement.latency_ms for record in ceilings if record.measurement])
    # Each equation is divided by its latency, so that residuals are relative.
    matrix = np.array([[row.get(term, 0.0) for term in terms] for row in rows]) / latencies[:, np.newaxis]
    return KernelCosts(dict(zip(terms, least_squares_above_0(matrix, np.ones(len(rows))).tolist(), strict=True)))


def _equation(record: Record) -> dict[Term, float]:
    """How much of each term is in the record's latency."""
    equation: dict[Term, float] = {_RUN: 1.0, _NODE: 0.0}
    for kernel in kernels_of(record):
        equation[_NODE] += kernel.count
        for term, work in _terms(kernel, record).items() if map_bytes(kernel) > _NO_WORK_BYTES else ():
            equation[term] = equation.get(term, 0.0) + kernel.count * work
    return equation


def _terms(kernel: Kernel, record: Record, found: Sequence[int] = ()) -> dict[Term, float]:
    """The kernel's work, shared between the two knots around its channels where its cost depends on them.

    Args:
        kernel: of the record.
        record: whose environment says how wide blocks are.
        found: the knots at which the cost is known, if it is.
    """
    kind = kind_of(kernel, record)
    work = _work(kernel)
    if form_of(kernel) != "conversion":
        return {(kind, 0): work}
    knots = found or _CONVERSION_KNOTS
    return {(kind, knot): share * work for knot, share in _shares(channels_of(kernel), knots).items()}


def _work(kernel: Kernel) -> float:
    form = form_of(kernel)
    if form == "conversion":
        return float(converted_bytes(kernel))
    return float(map_bytes(kernel)) if form == "other" else computed_macs(kernel)


def _shares(channels: int, knots: Sequence[int]) -> dict[int, float]:
    """Of linear interpolation between the knots.

    >>> _shares(20, (4, 16, 32)), _shares(2, (4, 16))
    ({16: 0.75, 32: 0.25}, {4: 1.0})
    """
    below = max((knot for knot in knots if knot <= channels), default=min(knots))
    above = min((knot for knot in knots if knot >= channels), default=max(knots))
    if above <= below:
        return {below: 1.0}
    share = (channels - below) / (above - below)
    return {below: 1 - share, above: share}


def least_squares_above_0(matrix: Values, values: Values) -> Values:
    """The x of at least 0 that minimises the squares of `matrix @ x - values`.

    By active sets (Lawson and Hanson 1974, chapter 23), on columns scaled to a norm of 1 and slightly ridged.

    >>> least_squares_above_0(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([2.0, 1.0])).round(3).tolist()
    [1.5, 0.0]

    Args:
        matrix: (equations, unknowns).
        values: (equations,).
    """
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1
    scaled = matrix / scale
    gram = scaled.T @ scaled + _RIDGE * np.eye(len(scale))
    target = scaled.T @ values
    found = np.zeros(len(scale))
    free = np.zeros(len(scale), dtype=bool)
    for _ in range(10 * len(scale)):
        slope = np.where(free, 0.0, target - gram @ found)
        if slope.max() < _FLAT:
            break
        free[int(np.argmax(slope))] = True
        while True:
            best = np.zeros(len(scale))
            best[free] = np.linalg.solve(gram[np.ix_(free, free)], target[free])
            below = free & (best <= 0)
            if not below.any():
                break
            # As far towards the best as all stay at 0 or above; what gets there is held at 0.
            step = float((found[below] / (found[below] - best[below])).min())
            found = found + step * (best - found)
            free &= found > _FLAT
            found[~free] = 0.0
        found = best
    return np.asarray(found / scale, dtype=np.float64)
