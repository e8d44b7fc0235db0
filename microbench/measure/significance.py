"""P-values: of one comparison by Student's t, and of several at once by Holm's adjustment."""

from __future__ import annotations

import math
from typing import List, Sequence


def two_sided_p(t: float, degrees_of_freedom: int) -> float:
    """The probability of a Student's t at least as far from zero (Abramowitz and Stegun 26.7.3 and 26.7.4).

    >>> round(two_sided_p(2.5706, 5), 4)
    0.05
    """
    if degrees_of_freedom < 1:
        return 1.0
    if math.isinf(t):
        return 0.0
    angle = math.atan(abs(t) / math.sqrt(degrees_of_freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees_of_freedom % 2
    term = cosine if odd else 1.0
    total = 0.0
    for k in range(1 + odd, degrees_of_freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1 - inside))


def holm(p_values: Sequence[float]) -> List[float]:
    """The p-values adjusted so that, of all true nulls, any is rejected with at most the level (Holm 1979).

    Returns:
        In the order given: the largest of (m - rank) p over itself and the smaller ones, and at most 1.

    >>> holm([0.02, 0.01, 0.6])
    [0.04, 0.03, 0.6]
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(largest, 1.0)
    return adjusted
