"""Intersection over union, held against scikit-learn's, torchmetrics' and a hand-counted example."""

import json
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score  # type: ignore[import-untyped]
from torchmetrics.functional.classification import multiclass_jaccard_index

from lpsnet.metrics import Confusion, class_ious, count_confusions, mean_ious
from microbench.errors import InputError

NAN = math.nan


def random_maps(seed: int, classes: int, absent: set[int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A truth with a tenth of its pixels ignored and a prediction that is right in half of them."""
    rng = np.random.default_rng(seed)
    there = [c for c in range(classes) if c not in absent]
    truth = rng.choice(there, size=(3, 40, 31)).astype(np.uint8)
    guess = rng.choice(there, size=truth.shape).astype(np.uint8)
    prediction = np.where(rng.random(truth.shape) < 0.5, truth, guess)
    truth[rng.random(truth.shape) < 0.1] = 255
    return truth, prediction


@pytest.mark.parametrize("absent", [set(), {0}, {3, 10}, set(range(1, 10))], ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_values_are_those_of_other_libraries(seed: int, absent: set[int]) -> None:
    truth, prediction = random_maps(seed, 11, absent)
    confusion = Confusion.of(truth, prediction, 11)
    counted = truth != 255
    true, predicted = truth[counted], prediction[counted]
    there = [c for c in range(11) if c not in absent]

    np.testing.assert_array_equal(confusion.counts, confusion_matrix(true, predicted, labels=range(11)))
    np.testing.assert_allclose(
        confusion.ious[there], jaccard_score(true, predicted, labels=there, average=None), atol=1e-6
    )
    assert confusion.absent == tuple(sorted(absent))
    assert confusion.mean_iou == pytest.approx(jaccard_score(true, predicted, average="macro"), abs=1e-6)
    theirs = multiclass_jaccard_index(
        torch.from_numpy(prediction).long(), torch.from_numpy(truth).long(), 11, average="macro", ignore_index=255
    )
    assert confusion.mean_iou == pytest.approx(float(theirs), abs=1e-6)
    assert confusion.pixel_accuracy == pytest.approx(accuracy_score(true, predicted), abs=1e-6)
    assert confusion.pixels == counted.sum()


def test_a_map_that_can_be_counted_by_hand() -> None:
    truth = torch.tensor([[0, 0, 1], [1, 255, 2]], dtype=torch.uint8)
    prediction = torch.tensor([[0, 1, 1], [1, 3, 0]], dtype=torch.uint8)
    confusion = Confusion.of(truth, prediction, 5)
    assert confusion.counts.tolist() == [[1, 1, 0, 0, 0], [0, 2, 0, 0, 0], [1, 0, 0, 0, 0], [0] * 5, [0] * 5]
    np.testing.assert_allclose(confusion.ious, [1 / 3, 2 / 3, 0, NAN, NAN])
    assert confusion.mean_iou == pytest.approx(1 / 3)
    assert confusion.pixel_accuracy == pytest.approx(3 / 5)
    assert confusion.absent == (3, 4)


def test_a_class_that_is_only_predicted_counts_with_nothing_right() -> None:
    confusion = Confusion.of(np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 1]]), 3)
    np.testing.assert_allclose(confusion.ious, [3 / 4, 0, NAN])
    assert confusion.mean_iou == pytest.approx(3 / 8)


def test_images_add_up() -> None:
    truth, prediction = random_maps(5, 11, set())
    parts = [Confusion.of(t, p, 11) for t, p in zip(truth, prediction, strict=True)]
    total = sum(parts, Confusion.empty(11))
    np.testing.assert_array_equal(total.counts, Confusion.of(truth, prediction, 11).counts)
    with pytest.raises(InputError, match="numbers of classes"):
        _ = total + Confusion.empty(12)


def test_many_matrices_are_judged_at_once() -> None:
    truth, prediction = random_maps(6, 11, {2})
    stack = np.stack([count_confusions(t, p, 11) for t, p in zip(truth, prediction, strict=True)])
    np.testing.assert_allclose(class_ious(stack), [Confusion(c).ious for c in stack])
    np.testing.assert_allclose(mean_ious(stack), [Confusion(c).mean_iou for c in stack])


def test_without_a_pixel_that_counts_there_is_no_value() -> None:
    confusion = Confusion.of(np.full((4, 4), 255), np.zeros((4, 4)), 3)
    assert confusion.pixels == 0
    assert math.isnan(confusion.mean_iou)
    assert math.isnan(confusion.pixel_accuracy)
    assert confusion.absent == (0, 1, 2)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([[3]], [[0]], r"truth must hold classes from 0 to 2, or 255 in the truth for ignored pixels, not 3\."),
        ([[0]], [[255]], r"prediction must hold .* not 255\."),
        ([[0]], [[-1]], r"prediction must hold .* not -1\."),
        ([[0, 1]], [[0]], r"prediction must have the truth's shape \(1, 2\), not \(1, 1\)\."),
    ],
)
def test_maps_that_do_not_fit_are_refused(truth: list[list[int]], prediction: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Confusion.of(np.array(truth), np.array(prediction), 3)


def test_a_confusion_goes_through_json() -> None:
    confusion = Confusion.of(*random_maps(7, 11, {4}), 11)
    again = Confusion.from_json(json.loads(json.dumps(confusion.as_json())))
    np.testing.assert_array_equal(again.counts, confusion.counts)
    assert again.counts.dtype == np.int64


@pytest.mark.parametrize("described", [{}, {"counts": [[1, 2]]}, {"counts": [[-1]]}, {"counts": [[0.5]]},
                                       {"counts": [[1, 2], [3]]}, {"counts": None}])  # fmt: skip
def test_json_that_is_no_confusion_is_refused(described: dict[str, object]) -> None:
    with pytest.raises(InputError, match="square matrix of integers of at least 0"):
        Confusion.from_json(described)
