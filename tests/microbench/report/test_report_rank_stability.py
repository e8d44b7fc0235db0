"""How far a ranking by mIoU depends on the images and on the seeds."""

import time
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.errors import InputError
from microbench.report.rank_stability import rank_stability

Counts = NDArray[np.int64]


def two_class_counts(shares_right: NDArray[np.float64]) -> Counts:
    """Images of 1000 pixels of each of two classes, of which the given share is right: IoU p / (2 - p) for both."""
    right = np.rint(1000 * shares_right).astype(np.int64)
    return np.stack([np.stack([right, 1000 - right], -1), np.stack([1000 - right, right], -1)], -2)


def network(share: float, noise: NDArray[np.float64], own: float = 0.0, seed: int = 0) -> Counts:
    """A network that is right in `share`, plus what an image does to all networks, plus what it does to this one."""
    extra = np.random.default_rng(seed).standard_normal(len(noise)) * own
    return two_class_counts(np.clip(share + noise + extra, 0, 1))


NOISE = np.random.default_rng(0).standard_normal(100) * 0.05


CLOSE = {"a": 0.702, "b": 0.700}


def test_the_mean_ious_and_places_are_those_of_all_images() -> None:
    still = np.zeros(10)
    counts = {"low": [network(0.6, still)], "high": [network(0.9, still)], "middle": [network(0.75, still)]}
    found = rank_stability(counts, resamples=50)
    assert found.names == ("low", "high", "middle")
    np.testing.assert_allclose(found.mean_ious, [0.6 / 1.4, 0.9 / 1.1, 0.75 / 1.25])
    assert found.places == (3, 1, 2)
    assert found.shares_kept == (1.0, 1.0, 1.0)
    assert found.shares_first == (0.0, 1.0, 0.0)


def test_a_lead_on_every_image_comes_out_again_however_much_the_images_differ() -> None:
    """The images are drawn for all networks together: how hard a drawn one is does not matter."""
    counts = {"better": [network(0.72, NOISE)] * 2, "worse": [network(0.70, NOISE)] * 2}
    found = rank_stability(counts)
    assert found.shares_first == (1.0, 0.0)


def test_a_lead_smaller_than_the_images_luck_comes_out_in_some_resamples_alone() -> None:
    counts = {
        name: [network(share, NOISE, own=0.05, seed=seed)] * 2 for seed, (name, share) in enumerate(CLOSE.items())
    }
    found = rank_stability(counts)
    assert 0.05 < found.shares_first[0] < 0.95
    assert sum(found.shares_first) == pytest.approx(1)


def test_the_share_of_resamples_is_the_one_that_theory_gives() -> None:
    """The difference of two networks' right pixels has a mean and a deviation over images, so that the share with the
    first ahead is the normal distribution's, Phi(mean / (deviation / sqrt(n)))."""
    a, b = (network(0.70 + lead, NOISE, own=0.03, seed=seed) for lead, seed in ((0.003, 3), (0.0, 4)))
    right_a, right_b = (counts[:, 0, 0] / 1000 for counts in (a, b))
    difference = right_a - right_b
    expected = NormalDist().cdf(difference.mean() / (difference.std() / 10))
    assert 0.1 < expected < 0.99
    found = rank_stability({"a": [a], "b": [b]}, resamples=4000)
    assert found.shares_first[0] == pytest.approx(expected, abs=0.025)


def test_the_spread_between_seeds_makes_a_ranking_uncertain() -> None:
    """Three seeds of a network at 0.70 and three of one that spreads from 0.66 to 0.75: on average it is ahead, but its
    worst seed is behind, which is all that is drawn in 1 of 27 resamples, with more at the same mean or below."""
    steady = [network(0.70, NOISE)] * 3
    spread = [network(share, NOISE) for share in (0.66, 0.705, 0.75)]
    assert rank_stability({"steady": steady, "spread": [spread[2]]}).shares_first[1] == 1
    found = rank_stability({"steady": steady, "spread": spread}, resamples=4000)
    assert found.places == (2, 1)
    # Drawn sums below 3 x 0.70: of the 27 draws those with more lows than highs, 10 in all.
    assert found.shares_first[1] == pytest.approx(17 / 27, abs=0.04)


def test_equal_networks_share_the_first_place() -> None:
    same = [network(0.7, NOISE)]
    found = rank_stability({"a": same, "b": same, "c": [network(0.6, NOISE)]})
    assert found.places == (1, 1, 3)
    assert found.shares_first == (0.5, 0.5, 0.0)


def test_the_same_seed_gives_the_same_shares() -> None:
    counts = {"a": [network(0.702, NOISE, 0.05, 1)], "b": [network(0.7, NOISE, 0.05, 2)]}
    assert rank_stability(counts, seed=5) == rank_stability(counts, seed=5)
    assert rank_stability(counts, seed=5) != rank_stability(counts, seed=6)


def test_a_class_that_the_drawn_images_lack_is_left_out() -> None:
    """One image of ten holds class 2, and all is right: mIoU is 1 with and without it."""
    counts = np.zeros((10, 3, 3), dtype=np.int64)
    counts[:, 0, 0] = counts[:, 1, 1] = 5
    counts[0, 2, 2] = 5
    worse = counts.copy()
    worse[:, 0, 1] = 1
    found = rank_stability({"right": [counts], "worse": [worse]})
    assert found.mean_ious[0] == 1
    assert found.shares_first == (1.0, 0.0)


def test_the_bootstrap_takes_little_more_than_its_matrix_products() -> None:
    """Fourteen networks on a test set of CamVid's size: one product of matrices each is the least that it can take."""
    rng = np.random.default_rng(1)
    counts = {f"network {i}": [rng.integers(0, 20_000, (233, 11, 11))] for i in range(14)}
    weights, flat = rng.random((1000, 233)), rng.random((233, 121))
    start = time.process_time()
    for _ in range(14):
        weights @ flat
    least = time.process_time() - start
    start = time.process_time()
    assert len(rank_stability(counts).places) == 14
    assert time.process_time() - start < 100 * least


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "at least one network"),
        ({"a": []}, "at least one seed"),
        ({"a": [np.zeros((5, 3, 3))], "b": [np.zeros((6, 3, 3))]}, "one shape"),
        ({"a": [np.zeros((5, 3, 2))]}, r"\(images, classes, classes\)"),
        ({"a": [np.zeros((0, 3, 3))]}, "one shape"),
    ],
)
def test_counts_that_do_not_fit_are_refused(counts: dict[str, list[Counts]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rank_stability(counts)
