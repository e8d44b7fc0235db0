"""What a segmentation data set is: pairs of an image and its label map, and the classes that they speak of."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from lpsnet.classes import IGNORED, ClassSet

__all__ = ["IGNORED", "ClassSet", "Sample", "SegmentationDataset"]


class Sample(NamedTuple):
    """One image with its label map.

    Attributes:
        image: uint8, (3, H, W), RGB.
        label: uint8, (H, W), the index of each pixel's class, or `IGNORED`.
        name: unique within the split, and usable as the stem of a file name.
    """

    image: torch.Tensor
    label: torch.Tensor
    name: str


class SegmentationDataset(Dataset[Sample], ABC):
    """One split of a data set. Its class says all that commands, recipes and reports need to know of the data set.

    Attributes:
        name: as `lpsnet.data.make` and recipes take it.
        classes: what the labels stand for.
        splits: those that there are, such as "train", "val", "test" and "trainval".
        test_split: the one whose labels are public and that accuracy is reported on.
        source: where its files come from; "" for a data set that needs none.
        caveat: a sentence that is printed beside its numbers; "" for none.
        split: the one that this object holds.
    """

    name: str
    classes: ClassSet
    splits: tuple[str, ...]
    test_split: str = "test"
    source: str = ""
    caveat: str = ""
    split: str

    @classmethod
    def root_variable(cls) -> str:
        """The environment variable that names the folder of its files."""
        return f"MICROBENCH_{re.sub('[^A-Z0-9]', '_', cls.name.upper())}"

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """The sample at `index`.

        Raises:
            InputError: its files cannot be read, or do not fit together or the classes.
        """

    def __iter__(self) -> Iterator[Sample]:
        """All samples in order.

        Raises:
            InputError: as `__getitem__`.
        """
        return (self[index] for index in range(len(self)))
