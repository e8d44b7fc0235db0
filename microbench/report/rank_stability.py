"""How far a ranking of networks by mIoU depends on the images that it was measured on, and on the seeds of training.

Networks that are evaluated on the same few hundred images may differ by less than the luck of these images, or than one
training differs from the next. A ranking means something if it comes out again with other images and other seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsnet.metrics import mean_ious
from microbench.errors import InputError, require_positive

RESAMPLES = 1000


@dataclass(frozen=True)
class RankStability:
    """What became of a ranking in resamples of images and seeds. All lists are in the order of `names`."""

    names: tuple[str, ...]
    mean_ious: tuple[float, ...]
    """On all images, the mean over all seeds, 0 to 1."""
    places: tuple[int, ...]
    """In the ranking by `mean_ious`, from 1; equal values share the better place."""
    shares_kept: tuple[float, ...]
    """Share of resamples in which the network has that very place."""
    shares_first: tuple[float, ...]
    """Share of resamples in which it is first; networks that tie for it share the resample."""
    images: int
    seeds: tuple[int, ...]
    resamples: int


def rank_stability(
    counts: Mapping[str, Sequence[NDArray[Any]]], *, resamples: int = RESAMPLES, seed: int = 0
) -> RankStability:
    """Bootstrap the ranking of networks by mIoU.

    In each resample the images are drawn with replacement, the same for all networks, as they were judged on the same
    ones; then each network's seeds, independently, as one network's training says nothing about another's. A network's
    mIoU is the mean over its drawn seeds of the mIoU of all drawn images' pixels. With one seed a network, the spread
    between trainings is not in the result, shares are too sure of themselves, and no verdict is given; with S seeds,
    their part of the spread comes out sqrt((S - 1) / S) times as large as it is, as always in a bootstrap.

    Args:
        counts: for each network, one array a seed: confusion matrices (n, C, C) of the same n images in the same order.
        resamples: how many, at least 1.
        seed: of the draws.

    Raises:
        InputError: there is no network, or one without a seed, or the arrays' shapes differ.
    """
    require_positive("resamples", resamples)
    rng = np.random.default_rng(seed)
    drawn = draw_images(counts, resamples, rng)
    observed = np.array([np.mean([mean_ious(c.sum(0)) for c in seeds]) for seeds in counts.values()])
    resampled = np.stack([_resampled_mean_ious(seeds, drawn, rng) for seeds in counts.values()])
    places = _places(observed[:, None])
    resampled_places = _places(resampled)
    first = resampled_places == 1
    return RankStability(
        names=tuple(counts),
        mean_ious=tuple(observed.tolist()),
        places=tuple(places[:, 0].tolist()),
        shares_kept=tuple((resampled_places == places).mean(1).tolist()),
        shares_first=tuple((first / first.sum(0)).mean(1).tolist()),
        images=drawn.shape[1],
        seeds=tuple(len(seeds) for seeds in counts.values()),
        resamples=resamples,
    )


def _require_same_shape(counts: Mapping[str, Sequence[NDArray[Any]]]) -> int:
    """The number of images."""
    if not counts or not all(counts.values()):
        raise InputError("counts must hold at least one network, and at least one seed of each.")
    shapes = {np.shape(array) for seeds in counts.values() for array in seeds}
    images, *matrix = shapes.pop()
    if shapes or images < 1 or len(matrix) != 2 or matrix[0] != matrix[1]:
        raise InputError("counts must be arrays of one shape (images, classes, classes) for all networks and seeds.")
    return int(images)


def draw_images(
    counts: Mapping[str, Sequence[NDArray[Any]]], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How often each image is drawn in each resample, (resamples, images): the same for all networks.

    Raises:
        InputError: there is no network, or one without a seed, or the arrays' shapes differ.
    """
    images = _require_same_shape(counts)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float64)


def resampled_by_seed(seeds: Sequence[NDArray[Any]], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """One network's mIoU, (seeds, resamples), from how often each image is drawn, (resamples, images)."""
    # In float64, in which sums of pixels are exact, because products of integer matrices are slow.
    return np.stack([mean_ious(np.tensordot(drawn, array.astype(np.float64), axes=1)) for array in seeds])


def _resampled_mean_ious(
    seeds: Sequence[NDArray[Any]], drawn: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """The mIoU (resamples,) of one network, whose seeds are drawn too."""
    by_seed = resampled_by_seed(seeds, drawn)
    chosen = rng.integers(len(seeds), size=by_seed.shape)
    values: NDArray[np.float64] = np.take_along_axis(by_seed, chosen, axis=0).mean(0)
    return values


def _places(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places from 1 (networks, resamples): one more than there are better networks."""
    places: NDArray[np.int64] = 1 + (values[None, :, :] > values[:, None, :]).sum(1)
    return places


def seeds_text(seeds: Sequence[int]) -> str:
    """How many trainings of each network there are, in words."""
    least, most = min(seeds), max(seeds)
    if most == 1:
        return "a single seed each"
    return f"{least} seeds each" if least == most else f"{least} to {most} seeds each"
