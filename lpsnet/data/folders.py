"""Finding a data set's folder, and what should be in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from lpsnet.data.dataset import SegmentationDataset
from microbench.errors import InputError, one_of

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

_ENTRIES_SHOWN = 5


def data_root(data_set: type[SegmentationDataset], root: str | os.PathLike[str] | None) -> Path:
    """The folder of a data set's files: `root`, or else what its environment variable says.

    Raises:
        InputError: neither is given, or it is not a folder.
    """
    variable = data_set.root_variable()
    given = root if root is not None else os.environ.get(variable)
    if not given:
        raise InputError(
            f"{data_set.name} needs the folder of its files: pass it as --data, or set the environment variable "
            f"{variable} ({data_set.source})."
        )
    folder = Path(given)
    if not folder.is_dir():
        raise InputError(f"{data_set.name} needs the folder of its files, and {folder} is not a folder.")
    return folder


def split_parts(data_set: type[SegmentationDataset], split: str) -> tuple[str, ...]:
    """The folders that make up a split: itself, or train and val for "trainval".

    Raises:
        InputError: the data set has no such split.
    """
    if split not in data_set.splits:
        raise one_of("split", split, data_set.splits)
    return ("train", "val") if split == "trainval" else (split,)


def layout_error(name: str, root: Path, expected: Sequence[Path | str]) -> InputError:
    """The error for a folder `root` that holds none of the paths that one of the data set's layouts needs."""
    entries = sorted(entry.name for entry in root.iterdir())
    shown = ", ".join(entries[:_ENTRIES_SHOWN]) or "nothing"
    more = f" and {len(entries) - _ENTRIES_SHOWN} more" if len(entries) > _ENTRIES_SHOWN else ""
    return InputError(f"{name} expects {' or '.join(map(str, expected))}, but {root} holds {shown}{more}.")


def images_in(folder: Path) -> list[Path]:
    """The image files of `folder` by name.

    Raises:
        InputError: there is no such folder, or no image in it.
    """
    if not folder.is_dir():
        raise InputError(f"the folder of images {folder} is missing.")
    images = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise InputError(f"the split is empty: {folder} holds no image ({', '.join(IMAGE_SUFFIXES)}).")
    return images
