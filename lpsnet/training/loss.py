"""The losses: cross-entropy of upsampled scores, over all pixels or over the hard ones."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from interactions.resize import resize
from lpsnet.data.dataset import IGNORED, SegmentationDataset
from lpsnet.training.recipe import Recipe


class SegmentationLoss(nn.Module):
    """Cross-entropy of score maps, resized to the labels, with ignored pixels left out.

    Online hard example mining (Shrivastava et al. 2016, arXiv 1604.03540; for segmentation, BiSeNet's form) keeps the
    pixels whose true class is given less than a threshold's probability, but at least a share of the batch's pixels,
    the worst ones.

    Args:
        recipe: which of them.
        frequencies: of the classes (num_classes), shares of the training pixels that sum to 1.
    """

    weights: Tensor | None

    def __init__(self, recipe: Recipe, frequencies: Tensor) -> None:
        super().__init__()
        weighted = recipe.class_weights == "log"
        self.register_buffer("weights", 1 / torch.log(1.10 + frequencies.float()) if weighted else None)
        self.hard_loss = -math.log(recipe.ohem_threshold) if recipe.loss == "ohem" else None
        self.kept = recipe.ohem_kept

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """The loss of score maps (N, num_classes, h, w) for labels (N, H, W), a number."""
        full = resize(scores.float(), labels.shape[-2:])
        if self.hard_loss is None:
            total: Tensor = cross_entropy(full, labels, self.weights, ignore_index=IGNORED, reduction="sum")
            return total / self._weight_of(labels).clamp(min=1)
        losses = cross_entropy(full, labels, self.weights, ignore_index=IGNORED, reduction="none").flatten()
        plain = losses if self.weights is None else self._unweighted(full, labels)
        least = max(1, int(labels.numel() * self.kept))
        hard = plain > self.hard_loss
        if int(hard.sum()) < least:
            hard = torch.zeros_like(hard).index_fill_(0, plain.topk(least).indices, True)
        return losses[hard].mean()

    def _weight_of(self, labels: Tensor) -> Tensor:
        valid = labels[labels != IGNORED]
        return torch.tensor(valid.numel(), device=labels.device) if self.weights is None else self.weights[valid].sum()

    @staticmethod
    def _unweighted(full: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(full.detach(), labels, ignore_index=IGNORED, reduction="none").flatten()


def class_frequencies(samples: SegmentationDataset) -> Tensor:
    """The share of each class in the pixels that are not ignored (num_classes)."""
    counts = torch.zeros(IGNORED + 1, dtype=torch.int64)
    for index in range(len(samples)):
        counts += torch.bincount(samples[index].label.flatten(), minlength=IGNORED + 1)
    of_classes = counts[: len(samples.classes.names)].double()
    return of_classes / of_classes.sum()
