"""The classes of a data set, and the label of pixels that belong to none."""

from dataclasses import dataclass

IGNORED = 255
"""The label of pixels that count for nothing, in training and in evaluation."""


@dataclass(frozen=True)
class ClassSet:
    """The classes of a data set, in the order of their indices.

    Attributes:
        names: as the data set calls them.
        palette: RGB of each class, 0 to 255, the data set's own.
    """

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
