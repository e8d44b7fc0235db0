"""How well a class map agrees with the truth: confusion matrix, intersection over union, pixel accuracy.

A class that neither the truth nor the prediction holds has no intersection over union: its value is NaN, and the mean
leaves it out. A class that only one of the two holds counts with 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsnet.classes import IGNORED
from microbench.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    ClassMap = Tensor | NDArray[Any]

Counts = NDArray[np.int64]


def count_confusions(truth: ClassMap, prediction: ClassMap, num_classes: int) -> Counts:
    """Count how often each class of the truth was predicted as each class.

    Args:
        truth: classes of any integer type and shape; pixels of the value 255 are left out.
        prediction: classes, of the same shape.
        num_classes: C, at least 1.

    Returns:
        (C, C): rows are the truth's classes, columns the prediction's.

    Raises:
        InputError: the shapes differ, or a pixel that counts holds a class that is none of the C.
    """
    import torch  # here, as reports read confusion matrices where torch would only cost time

    true, predicted = (torch.as_tensor(classes).long() for classes in (truth, prediction))
    if true.shape != predicted.shape:
        raise InputError(f"prediction must have the truth's shape {tuple(true.shape)}, not {tuple(predicted.shape)}.")
    counted = true != IGNORED
    true, predicted = true[counted], predicted[counted]
    for field, classes in (("truth", true), ("prediction", predicted)):
        unknown = classes[(classes < 0) | (classes >= num_classes)]
        if len(unknown):
            raise InputError(
                f"{field} must hold classes from 0 to {num_classes - 1}, or {IGNORED} in the truth for ignored pixels, "
                f"not {int(unknown[0])}."
            )
    pairs = torch.bincount(true * num_classes + predicted, minlength=num_classes**2)
    counts: Counts = pairs.reshape(num_classes, num_classes).cpu().numpy()
    return counts


def class_ious(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Intersection over union of each class.

    Args:
        counts: confusion matrices (..., C, C), rows the truth.

    Returns:
        (..., C), from 0 to 1; NaN for a class that is absent from both truth and prediction.
    """
    intersection = np.diagonal(counts, axis1=-2, axis2=-1)
    union = counts.sum(-1) + counts.sum(-2) - intersection
    return _quotient(intersection, union)


def mean_ious(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Mean intersection over union over the classes that truth or prediction hold.

    Args:
        counts: confusion matrices (..., C, C), rows the truth.

    Returns:
        (...,), from 0 to 1; NaN where no pixel counts.
    """
    ious = class_ious(counts)
    present = ~np.isnan(ious)
    number = present.sum(-1)
    total = np.where(present, ious, 0).sum(-1)
    return _quotient(total, number)


def _quotient(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """NaN where the denominator is 0."""
    undefined = np.full(np.shape(denominator), np.nan)
    quotient: NDArray[np.float64] = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return quotient


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix; those of several images add up to that of all.

    Attributes:
        counts: pixels (C, C): rows are the truth's classes, columns the prediction's.

    Raises:
        InputError: `counts` is not a square matrix of integers of at least 0.
    """

    counts: Counts

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        is_square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] >= 1
        if not is_square or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
            raise InputError(
                f"counts must be a square matrix of integers of at least 0, not {counts.dtype} of the shape "
                f"{counts.shape} or with values below 0."
            )
        object.__setattr__(self, "counts", counts.astype(np.int64))

    @classmethod
    def of(cls, truth: ClassMap, prediction: ClassMap, num_classes: int) -> Confusion:
        """The confusion of class maps; see `count_confusions`."""
        return cls(count_confusions(truth, prediction, num_classes))

    @classmethod
    def empty(cls, num_classes: int) -> Confusion:
        """The confusion of no pixels, to add others to."""
        return cls(np.zeros((num_classes, num_classes), dtype=np.int64))

    def __add__(self, other: Confusion) -> Confusion:
        if self.counts.shape != other.counts.shape:
            raise InputError(
                f"confusions of different numbers of classes ({len(self.counts)} and {len(other.counts)}) do not add."
            )
        return Confusion(self.counts + other.counts)

    @property
    def ious(self) -> NDArray[np.float64]:
        """Intersection over union (C,) of each class; NaN for one that is absent from both truth and prediction."""
        return class_ious(self.counts)

    @property
    def mean_iou(self) -> float:
        """The mean of `ious` without the absent classes, from 0 to 1; NaN of no pixels."""
        return float(mean_ious(self.counts))

    @property
    def absent(self) -> tuple[int, ...]:
        """The classes that neither the truth nor the prediction holds, which the mean leaves out."""
        return tuple(np.flatnonzero(np.isnan(self.ious)).tolist())

    @property
    def pixels(self) -> int:
        """How many pixels count."""
        return int(self.counts.sum())

    @property
    def pixel_accuracy(self) -> float:
        """The share of pixels whose class is right; NaN of no pixels."""
        return int(np.trace(self.counts)) / self.pixels if self.pixels else float("nan")

    def as_json(self) -> dict[str, Any]:
        """The counts in JSON's types."""
        return {"counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Confusion:
        """The inverse of `as_json`.

        Raises:
            InputError: the counts are missing, or not a square matrix of integers of at least 0.
        """
        try:
            return cls(np.array(described["counts"]))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("confusion must hold its counts: a square matrix of integers of at least 0.") from error
