"""Which factor explains how much of the break-even's variance: an analysis of variance with type II sums of squares."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microbench.report.break_even.cell import Cell, Shape

Values = NDArray[np.float64]

Term = tuple[str, ...]
"""A factor, or two that interact."""

RESIDUAL = "residual"


def variance_shares(cells: Sequence[Cell]) -> dict[str, float]:
    """The share of the variance of the logarithm of the break-even that each factor and each pair of factors explains.

    Judged on the widths and resolutions of which every block and setting has all shapes, so that the design is balanced
    and the shares add up to 1. Refined shapes lie where the ratio is near 1, and would make the variance smaller than
    it is over the map.

    Args:
        cells: of the map.

    Returns:
        By factor ("block", "width", "resolution", "batch", "runtime", "precision", "threads"; those that vary), by
        pair ("block x runtime"), and "residual"; empty where fewer than two cells are in all panels.
    """
    grid = _full_grid(cells)
    common = [cell for cell in cells if cell.shape in grid]
    factors: dict[str, list[object]] = {
        "block": [cell.block for cell in common],
        "width": [cell.shape.channels for cell in common],
        "resolution": [(cell.shape.height, cell.shape.width) for cell in common],
        "batch": [cell.setting.batch for cell in common],
        **{
            name: [getattr(cell.setting.configuration, name) for cell in common]
            for name in ("runtime", "precision", "threads")
        },
    }
    varied = {name: levels for name, levels in factors.items() if len(set(levels)) > 1}
    response = np.log([cell.ratio.estimate for cell in common])
    if len(response) < 2 or not varied or not np.ptp(response):
        return {}
    sums = type_two(response, varied)
    total = float(np.sum((response - response.mean()) ** 2))
    return {" x ".join(term) if term else RESIDUAL: value / total for term, value in sums.items()}


def _full_grid(cells: Sequence[Cell]) -> set[Shape]:
    """The shapes that all panels have, less the widths or resolutions in which some are missing."""
    panels = len({(cell.setting, cell.block) for cell in cells})
    counts = Counter(cell.shape for cell in cells)
    shapes = {shape for shape, count in counts.items() if count == panels}
    while True:
        widths = Counter(shape.channels for shape in shapes)
        sizes = Counter((shape.height, shape.width) for shape in shapes)
        if len(shapes) == len(widths) * len(sizes):
            return shapes
        width, size = min(widths, key=widths.__getitem__), min(sizes, key=sizes.__getitem__)
        # Drop what loses fewer shapes; of what loses as many, the resolution.
        if widths[width] < sizes[size]:
            shapes = {shape for shape in shapes if shape.channels != width}
        else:
            shapes = {shape for shape in shapes if (shape.height, shape.width) != size}


@dataclass(frozen=True)
class _Fit:
    columns: Mapping[Term, Values]
    response: Values

    def residual(self, terms: Sequence[Term]) -> float:
        """The sum of squares that these terms leave."""
        constant = np.ones((len(self.response), 1))
        design = np.hstack([constant, *(self.columns[term] for term in terms)])
        fitted = design @ np.linalg.lstsq(design, self.response, rcond=None)[0]
        return float(np.sum((self.response - fitted) ** 2))


def type_two(response: Sequence[float] | Values, factors: Mapping[str, Sequence[object]]) -> dict[Term, float]:
    """Type II sums of squares of factors and of their pairs (Fox 2016, Applied Regression Analysis, section 8.2.5).

    A term's sum is what the model loses without it, of a model that has all terms which do not contain it: a factor is
    judged beside the other factors and their pairs, a pair beside all factors and the other pairs. In a balanced design
    the sums add up to the total.

    >>> sums = type_two([1.0, 3.0, 5.0, 7.0], {"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> {" x ".join(term) or "residual": round(value, 6) for term, value in sums.items()}
    {'a': 16.0, 'b': 4.0, 'a x b': 0.0, 'residual': 0.0}

    Args:
        response: (n,).
        factors: n levels of each.

    Returns:
        By term, factors first, then pairs; the empty term is what no term explains. Sums below rounding are 0.
    """
    values = np.asarray(response, dtype=np.float64)
    terms: list[Term] = [(name,) for name in factors]
    terms += list(itertools.combinations(factors, 2))
    fit = _Fit({term: _columns([factors[name] for name in term]) for term in terms}, values)
    rounding = 1e-12 * float(np.sum(values**2))
    found: dict[Term, float] = {}
    for term in terms:
        beside = [other for other in terms if not set(term) <= set(other)]
        found[term] = fit.residual(beside) - fit.residual([*beside, term])
    found[()] = fit.residual(terms)
    return {term: value if value > rounding else 0.0 for term, value in found.items()}


def _columns(factors: Sequence[Sequence[object]]) -> Values:
    """A column for each combination of levels but the first of each factor."""
    coded = []
    for levels in factors:
        distinct = list(dict.fromkeys(levels))
        coded.append(np.array([[level == one for one in distinct[1:]] for level in levels], dtype=np.float64))
    product = coded[0]
    for other in coded[1:]:
        product = (product[:, :, np.newaxis] * other[:, np.newaxis, :]).reshape(len(product), -1)
    return product
