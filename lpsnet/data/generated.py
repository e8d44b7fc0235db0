"""Drawn street scenes, for where no real data is at hand: deterministic, and without a download."""

import os
from collections.abc import Sequence

import numpy as np
import torch

from lpsnet.data.camvid import CAMVID_CLASSES
from lpsnet.data.dataset import Sample, SegmentationDataset
from lpsnet.data.registry import DATA_SETS
from lpsnet.data.street import draw_street
from microbench.errors import InputError, one_of, require_positive

_COUNTS = {"train": 120, "val": 30, "test": 30}

_SMALLEST_SIDE_PX = 16


@DATA_SETS.register("generated")
class Generated(SegmentationDataset):
    """Streets in perspective with CamVid's eleven classes, drawn from the seed, the split and the index alone.

    Things stand at all distances, so that a class comes at many scales: poles a pixel wide, cars from four pixels to a
    third of the image. Colours vary and overlap between classes, and texture, haze and noise lie over them; about one
    pixel in 250 is ignored. What a network learns here says nothing about real streets: whatever shows a
    number from this data set names it.

    Args:
        split: "train", "val" or "test".
        root: must be None; there are no files.
        size: height and width of the images in pixels, at least 16 each.
        count: the number of scenes; by default 120 in train, 30 in val and in test.
        seed: another seed gives other scenes, at least 0.

    Raises:
        InputError: unknown split, a folder, or an option that is not as said.
    """

    name = "generated"
    classes = CAMVID_CLASSES
    splits = ("train", "val", "test")
    caveat = "The images are generated: these values say nothing about real streets."

    def __init__(
        self,
        split: str,
        root: str | os.PathLike[str] | None = None,
        *,
        size: Sequence[int] = (180, 240),
        count: int | None = None,
        seed: int = 0,
    ) -> None:
        if split not in self.splits:
            raise one_of("split", split, self.splits)
        if root is not None:
            raise InputError(f"the data set 'generated' has no files, so it takes no folder (--data), not {root}.")
        if not _is_size(size):
            raise InputError(f"size must be height and width, at least {_SMALLEST_SIDE_PX} pixels each, not {size!r}.")
        if type(seed) is not int or seed < 0:
            raise InputError(f"seed must be an integer of at least 0, not {seed!r}.")
        if count is not None:
            require_positive("count", count)
        self.split = split
        self._height, self._width = size
        self._count = count or _COUNTS[split]
        self._seed = seed

    def __len__(self) -> int:
        """The number of scenes."""
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """Draw the scene at `index`, the same each time."""
        index = range(self._count)[index]
        # The split's number is part of the seed, so that no scene stands in two splits.
        rng = np.random.default_rng((self._seed, self.splits.index(self.split), index))
        image, label = draw_street(self._height, self._width, rng)
        return Sample(torch.from_numpy(image), torch.from_numpy(label), f"generated-{self.split}-{index:05d}")


def _is_size(size: object) -> bool:
    if not isinstance(size, Sequence) or len(size) != 2:
        return False
    return all(type(side) is int and side >= _SMALLEST_SIDE_PX for side in size)
