import dataclasses
import math
from typing import Literal

import pytest
import torch
from torch.nn.functional import cross_entropy, interpolate

from lpsnet.data import IGNORED
from lpsnet.data.generated import Generated
from lpsnet.training import load_recipe
from lpsnet.training.loss import SegmentationLoss, class_frequencies

RECIPE = dataclasses.replace(load_recipe("generated"), class_weights="none", loss="cross_entropy")
EVEN = torch.full((3,), 1 / 3)


def scores_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    labels = torch.randint(3, (2, 9, 12))
    labels[:, :2] = IGNORED
    return torch.randn(2, 3, 4, 5, requires_grad=True), labels


@pytest.mark.parametrize("weights", ["none", "log"])
def test_cross_entropy_is_that_of_scores_upsampled_to_the_labels(weights: Literal["none", "log"]) -> None:
    scores, labels = scores_and_labels()
    frequencies = torch.tensor([0.7, 0.2, 0.1])
    loss = SegmentationLoss(dataclasses.replace(RECIPE, class_weights=weights), frequencies)(scores, labels)
    full = interpolate(scores, (9, 12), mode="bilinear", align_corners=True)
    # ENet, arXiv 1606.02147: 1 / ln(1.10 + frequency) in DABNet's form.
    expected_weights = torch.tensor([1 / math.log(1.1 + f) for f in (0.7, 0.2, 0.1)]) if weights == "log" else None
    torch.testing.assert_close(loss, cross_entropy(full, labels, expected_weights, ignore_index=IGNORED))


def test_a_batch_without_any_label_teaches_nothing() -> None:
    scores, labels = scores_and_labels()
    loss = SegmentationLoss(RECIPE, EVEN)(scores, torch.full_like(labels, IGNORED))
    loss.backward()
    assert loss == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def pixels(*probabilities: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A row of pixels of class 0, to which the network gives these probabilities; the other class gets the rest."""
    p = torch.tensor(probabilities)
    return torch.stack([p.log(), (1 - p).log()])[None, :, None], torch.zeros(1, 1, len(p), dtype=torch.long)


def mined(threshold: float, kept: float, scores: torch.Tensor, labels: torch.Tensor) -> float:
    recipe = dataclasses.replace(RECIPE, loss="ohem", ohem_threshold=threshold, ohem_kept=kept)
    return float(SegmentationLoss(recipe, torch.tensor([0.5, 0.5]))(scores, labels))


def test_hard_examples_are_those_below_the_threshold() -> None:
    scores, labels = pixels(0.9, 0.8, 0.6, 0.1)
    assert mined(0.7, 0.01, scores, labels) == pytest.approx(-(math.log(0.6) + math.log(0.1)) / 2, rel=1e-5)


def test_at_least_a_share_of_the_pixels_is_kept() -> None:
    scores, labels = pixels(0.9, 0.8, 0.95, 0.99)
    assert mined(0.7, 0.5, scores, labels) == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2, rel=1e-5)


def test_ignored_pixels_are_not_hard() -> None:
    scores, labels = pixels(0.9, 0.6, 0.1, 0.1)
    labels[..., 2:] = IGNORED
    assert mined(0.7, 0.01, scores, labels) == pytest.approx(-math.log(0.6), rel=1e-5)


def test_frequencies_are_shares_of_the_pixels_that_count() -> None:
    scenes = Generated("val", count=3)
    counted = torch.cat([scene.label[scene.label != IGNORED].flatten() for scene in scenes])
    shares = class_frequencies(scenes)
    assert shares.sum() == pytest.approx(1)
    for index, share in enumerate(shares.tolist()):
        assert share == pytest.approx(float((counted == index).double().mean()))
