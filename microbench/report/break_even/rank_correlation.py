"""Whether blocks rank alike in two settings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from microbench.report.break_even.cell import CONV, Cell, Setting, Shape

FEWEST_BLOCKS = 3
"""Two can only agree or disagree."""


def rank_correlations(cells: Sequence[Cell]) -> dict[tuple[Setting, Setting], float]:
    """Spearman's rank correlation of the blocks' costs between two settings, the mean over the shapes of both.

    Blocks are ranked by what one of them costs in units of the convolution, which is among them with 1.

    Args:
        cells: of the map.

    Returns:
        By pair of settings; without those that share no shape with at least three blocks.
    """
    costs: dict[Setting, dict[Shape, dict[str, float]]] = {}
    for cell in cells:
        of_shape = costs.setdefault(cell.setting, {}).setdefault(cell.shape, {CONV: 1.0})
        of_shape[cell.block] = 1 / cell.ratio.estimate
    found = {}
    for first, second in itertools.combinations(costs, 2):
        each = [
            correlation
            for shape in costs[first].keys() & costs[second].keys()
            if (correlation := _spearman(costs[first][shape], costs[second][shape])) is not None
        ]
        if each:
            found[first, second] = sum(each) / len(each)
    return found


def _spearman(first: dict[str, float], second: dict[str, float]) -> float | None:
    shared = [block for block in first if block in second]
    if len(shared) < FEWEST_BLOCKS:
        return None
    a, b = (pd.Series([costs[block] for block in shared]).rank() for costs in (first, second))
    return float(a.corr(b))
