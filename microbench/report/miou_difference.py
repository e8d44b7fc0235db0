"""How far the mIoU of one network is from another's, given the luck of the test images and of the trainings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.significance import two_sided_p
from microbench.measure.statistics import student_t_975
from microbench.report.rank_stability import RESAMPLES, draw_images, resampled_by_seed


@dataclass(frozen=True)
class MiouDifference:
    """The mIoU of a favourite less a rival's, in percentage points."""

    interval: Interval
    p: float
    """Two-sided, that both are equal."""


def miou_differences(
    counts: Mapping[str, Sequence[NDArray[Any]]], favourite: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, MiouDifference]:
    """Compare a network with each of the others.

    Two things were drawn by chance. The test images, the same for all networks: their part of the error comes from a
    bootstrap in which both networks see the same images. And the trainings: their part is the standard deviation
    between seeds, pooled over all networks, as two or three seeds of one say little; the interval has Student's t with
    the pooled degrees of freedom.

    Args:
        counts: for each network, one array a seed: confusion matrices (n, C, C) of the same n images in the same order.
        favourite: the network that is compared.
        resamples: of the images.
        seed: of the draws.

    Returns:
        By the rival's name.

    Raises:
        ValueError: a network was trained once only.
    """
    if min(len(seeds) for seeds in counts.values()) < 2:
        raise ValueError("Each network must be trained at least twice.")
    # Images
    drawn = draw_images(counts, resamples, np.random.default_rng(seed))
    by_images = {name: 100 * resampled_by_seed(seeds, drawn).mean(axis=0) for name, seeds in counts.items()}
    # Trainings
    all_images = np.ones((1, drawn.shape[1]))
    by_seed = {name: 100 * resampled_by_seed(seeds, all_images)[:, 0] for name, seeds in counts.items()}
    degrees = sum(len(values) - 1 for values in by_seed.values())
    variance = sum(float(((values - values.mean()) ** 2).sum()) for values in by_seed.values()) / degrees
    found = {}
    for rival in counts:
        if rival == favourite:
            continue
        estimate = float(by_seed[favourite].mean() - by_seed[rival].mean())
        of_images = float(np.var(by_images[favourite] - by_images[rival], ddof=1))
        of_trainings = variance * (1 / len(by_seed[favourite]) + 1 / len(by_seed[rival]))
        error = math.sqrt(of_images + of_trainings)
        reach = student_t_975(degrees) * error
        distance = abs(estimate) / error if error else (math.inf if estimate else 0.0)
        interval = Interval(estimate, estimate - reach, estimate + reach)
        found[rival] = MiouDifference(interval, two_sided_p(distance, degrees))
    return found
