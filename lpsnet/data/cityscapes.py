"""Cityscapes: streets of fifty cities, 2048x1024 (Cordts et al. 2016)."""

import os
from pathlib import Path

from lpsnet.data.dataset import IGNORED, ClassSet
from lpsnet.data.files import FileDataset, FilePair
from lpsnet.data.folders import data_root, images_in, layout_error, split_parts
from lpsnet.data.labels import IndexLabels
from lpsnet.data.registry import DATA_SETS
from microbench.errors import InputError

CITYSCAPES_CLASSES = ClassSet(
    names=(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
        "sky",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    palette=(
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)

TRAIN_IDS = IndexLabels({index: index for index in range(len(CITYSCAPES_CLASSES.names))} | {IGNORED: IGNORED})

# cityscapesScripts, helpers/labels.py: which of the ids 0 to 33 the 19 train ids stand for, in their order.
_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
_LABEL_IDS = IndexLabels(dict.fromkeys(range(34), IGNORED) | {label_id: index for index, label_id in enumerate(_IDS)})

_IMAGE_ENDING = "_leftImg8bit"
_TRAIN_IDS_ENDING = "_gtFine_labelTrainIds.png"
_LABEL_IDS_ENDING = "_gtFine_labelIds.png"


@DATA_SETS.register("cityscapes")
class Cityscapes(FileDataset):
    """Cityscapes' fine annotations with its 19 evaluated classes; all else is ignored.

    Images are `leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`, labels `gtFine/SPLIT/CITY/NAME_gtFine_labelTrainIds.png`,
    which cityscapesScripts makes, or, where the split's first image has none of these, the release's own
    `NAME_gtFine_labelIds.png`. There is no "test": its labels are not published, the files in its place are blank.

    Args:
        split: "train", "val", or "trainval": both together.
        root: the folder with the files; without it, what the environment variable MICROBENCH_CITYSCAPES says.

    Raises:
        InputError: unknown split, no such folder, another layout, an empty split, or an image without a label file.
    """

    name = "cityscapes"
    classes = CITYSCAPES_CLASSES
    splits = ("train", "val", "trainval")
    test_split = "val"
    source = "https://www.cityscapes-dataset.com"

    def __init__(self, split: str, root: str | os.PathLike[str] | None = None) -> None:
        parts = split_parts(type(self), split)
        folder = data_root(type(self), root)
        for top in ("leftImg8bit", "gtFine"):
            if not (folder / top).is_dir():
                raise layout_error(self.name, folder, [folder / top])
        images = [image for part in parts for image in _images(folder / "leftImg8bit" / part)]
        has_train_ids = _label_file(folder, images[0], _TRAIN_IDS_ENDING).is_file()
        ending = _TRAIN_IDS_ENDING if has_train_ids else _LABEL_IDS_ENDING
        pairs = [FilePair(image, _label_file(folder, image, ending), _frame(image)) for image in images]
        super().__init__(split, pairs, TRAIN_IDS if has_train_ids else _LABEL_IDS)


def _images(split: Path) -> list[Path]:
    """The images of all cities of a split."""
    if not split.is_dir():
        raise InputError(f"the folder of images {split} is missing.")
    cities = sorted(path for path in split.iterdir() if path.is_dir())
    images = [image for city in cities for image in images_in(city) if image.stem.endswith(_IMAGE_ENDING)]
    if not images:
        raise InputError(f"the split is empty: {split} holds no CITY/NAME{_IMAGE_ENDING}.png.")
    return images


def _frame(image: Path) -> str:
    return image.stem.removesuffix(_IMAGE_ENDING)


def _label_file(root: Path, image: Path, ending: str) -> Path:
    city = image.parent
    return root / "gtFine" / city.parent.name / city.name / f"{_frame(image)}{ending}"
