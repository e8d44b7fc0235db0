"""Segmentation data sets, by name: images with a class index for each pixel.

Each lives in a file of its own, which registers itself: a new file in this folder shows up in `NAMES`. "generated"
needs no files, and its numbers say nothing about real streets; the others read a folder that the user has.
"""

import os
from typing import TYPE_CHECKING, Any

from lpsnet.data.dataset import IGNORED, ClassSet, Sample, SegmentationDataset
from lpsnet.data.memory import InMemory
from lpsnet.data.registry import DATA_SETS
from microbench.registry import late_names

__all__ = ["IGNORED", "NAMES", "ClassSet", "InMemory", "Sample", "SegmentationDataset", "make", "of"]

_OWN = sorted(DATA_SETS.discover(__name__, __path__))

if TYPE_CHECKING:
    NAMES: tuple[str, ...]
else:
    __getattr__ = late_names(__name__, lambda: DATA_SETS.ordered(_OWN))


def of(name: str) -> type[SegmentationDataset]:
    """The class of the data set called `name`, which describes it.

    Raises:
        InputError: unknown name.
    """
    described = DATA_SETS.get(name)
    assert isinstance(described, type)  # the registry takes classes alone
    return described


def make(name: str, split: str, root: str | os.PathLike[str] | None = None, **options: Any) -> SegmentationDataset:
    """One split of the data set called `name`.

    Args:
        name: one of `NAMES`.
        split: one of the data set's `splits`, such as "train", "val", "test" and "trainval".
        root: the folder with the data set's files; without it, what its environment variable (MICROBENCH_CAMVID for
            camvid) says.
        **options: the data set's own keyword options; see its class.

    Raises:
        InputError: unknown name, split or option, or a folder that is missing or not laid out as the data set's class
            says. What is wrong with a single file is raised when it is read.
    """
    return DATA_SETS.make(name, split, root, **options)
