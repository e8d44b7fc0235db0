"""Reading label maps: files that say each pixel's class by an index or by a colour."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from lpsnet.data.images import open_image
from microbench.errors import InputError

Rgb = tuple[int, int, int]


class LabelCode(ABC):
    """How a data set's label files write down classes."""

    @abstractmethod
    def read(self, path: Path) -> torch.Tensor:
        """The label map as uint8, (H, W): class indices and IGNORED.

        Raises:
            InputError: the file is missing, corrupt or of another kind, or holds a value that stands for no class.
        """


class IndexLabels(LabelCode):
    """8-bit images, grey or with a palette, whose pixel values stand for classes.

    Args:
        classes: the class index, or IGNORED, that each allowed pixel value stands for.
    """

    def __init__(self, classes: Mapping[int, int]) -> None:
        self._allowed = sorted(classes)
        self._known = np.zeros(256, dtype=bool)
        self._known[self._allowed] = True
        self._classes = np.zeros(256, dtype=np.uint8)
        self._classes[self._allowed] = [classes[value] for value in self._allowed]

    def read(self, path: Path) -> torch.Tensor:
        """See `LabelCode.read`."""
        image = open_image(path)
        if image.mode not in ("L", "P"):
            raise InputError(f"label file {path} must hold one 8-bit class index a pixel, not {image.mode} pixels.")
        values = np.asarray(image)
        known = self._known[values]
        if not known.all():
            value = int(values[~known][0])
            raise InputError(f"label file {path} has the value {value}; allowed: {_ranges(self._allowed)}.")
        return torch.from_numpy(self._classes[values])


class ColourLabels(LabelCode):
    """Images whose colours stand for classes.

    Args:
        classes: the class index, or IGNORED, that each allowed colour stands for.
    """

    def __init__(self, classes: Mapping[Rgb, int]) -> None:
        colours = sorted(classes)
        self._packed = _pack(np.array(colours, dtype=np.uint8))
        self._classes = np.array([classes[colour] for colour in colours], dtype=np.uint8)

    def read(self, path: Path) -> torch.Tensor:
        """See `LabelCode.read`."""
        colours = np.asarray(open_image(path).convert("RGB"))
        packed = _pack(colours)
        nearest = np.searchsorted(self._packed, packed).clip(max=len(self._packed) - 1)
        known = self._packed[nearest] == packed
        if not known.all():
            red, green, blue = colours[~known][0].tolist()
            raise InputError(
                f"label file {path} has the colour ({red}, {green}, {blue}), which is none of the data set's "
                f"{len(self._packed)} colours."
            )
        return torch.from_numpy(self._classes[nearest])


def _pack(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Colours (..., 3) as one integer each, in the colours' lexical order."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    packed: npt.NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return packed


def _ranges(values: list[int]) -> str:
    """Sorted integers for a reader: [0, 1, 2, 255] as "0 to 2, 255"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
