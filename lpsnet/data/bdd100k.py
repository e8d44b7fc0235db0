"""BDD100K's 10K images with semantic segmentation: driving in the USA, 1280x720 (Yu et al. 2020)."""

import os
from pathlib import Path
from typing import NamedTuple

from lpsnet.data.cityscapes import CITYSCAPES_CLASSES, TRAIN_IDS
from lpsnet.data.files import FileDataset, FilePair
from lpsnet.data.folders import data_root, images_in, layout_error, split_parts
from lpsnet.data.registry import DATA_SETS


class _Layout(NamedTuple):
    """Where one release keeps a split's images and labels, and what follows an image's name in its label's."""

    images: str
    labels: str
    ending: str


_LAYOUTS = (
    _Layout("images/10k", "labels/sem_seg/masks", ".png"),
    _Layout("seg/images", "seg/labels", "_train_id.png"),
)


@DATA_SETS.register("bdd100k")
class Bdd100k(FileDataset):
    """BDD100K's semantic segmentation: 7,000 and 1,000 images with Cityscapes' 19 classes; all else is ignored.

    Files are `images/10k/SPLIT/NAME.jpg` with `labels/sem_seg/masks/SPLIT/NAME.png`, or, as released earlier,
    `seg/images/SPLIT/NAME.jpg` with `seg/labels/SPLIT/NAME_train_id.png`; labels are train ids, 255 is ignored.
    There is no "test": its labels are not published.

    Args:
        split: "train", "val", or "trainval": both together.
        root: the folder with the files; without it, what the environment variable MICROBENCH_BDD100K says.

    Raises:
        InputError: unknown split, no such folder, another layout, an empty split, or an image without a label file.
    """

    name = "bdd100k"
    classes = CITYSCAPES_CLASSES
    splits = ("train", "val", "trainval")
    test_split = "val"
    source = "https://www.vis.xyz/bdd100k/"

    def __init__(self, split: str, root: str | os.PathLike[str] | None = None) -> None:
        parts = split_parts(type(self), split)
        folder = data_root(type(self), root)
        layout = _layout(folder)
        pairs = [
            FilePair(image, folder / layout.labels / part / f"{image.stem}{layout.ending}", image.stem)
            for part in parts
            for image in images_in(folder / layout.images / part)
        ]
        super().__init__(split, pairs, TRAIN_IDS)


def _layout(root: Path) -> _Layout:
    for layout in _LAYOUTS:
        if (root / layout.labels).is_dir():
            return layout
    raise layout_error(Bdd100k.name, root, [root / layout.labels for layout in _LAYOUTS])
