"""Segmentation data sets, by name: images with a class index for each pixel.

Each lives in a file of its own, which registers itself: a new file in this folder shows up in `NAMES`. "generated"
needs no files, and its numbers say nothing about real streets; the others read a folder that the user has.
"""

import os
from typing import Any

from lpsnet.data.dataset import IGNORED, ClassSet, Sample, SegmentationDataset
from lpsnet.data.memory import InMemory
from lpsnet.data.registry import DATA_SETS

__all__ = ["IGNORED", "NAMES", "ClassSet", "InMemory", "Sample", "SegmentationDataset", "make"]

DATA_SETS.discover(__name__, __path__)

_ORDER = ("camvid", "cityscapes", "bdd100k", "generated")

NAMES = (*_ORDER, *sorted(set(DATA_SETS.names) - set(_ORDER)))


def make(name: str, split: str, root: str | os.PathLike[str] | None = None, **options: Any) -> SegmentationDataset:
    """One split of the data set called `name`.

    Args:
        name: one of `NAMES`.
        split: "train", "val", "test" or "trainval", of which a data set may lack some.
        root: the folder with the data set's files; without it, what the environment variable MICROBENCH_<NAME> says.
        **options: the data set's own keyword options; see its class.

    Raises:
        InputError: unknown name, split or option, or a folder that is missing or not laid out as the data set's class
            says. What is wrong with a single file is raised when it is read.
    """
    return DATA_SETS.make(name, split, root, **options)
