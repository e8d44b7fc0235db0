from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lpsnet import data
from microbench.errors import InputError

Write = Callable[[Path, object], Path]

GREY = np.full((2, 3, 3), 90)

SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)

# label_colors.txt of the release, with the group that SegNet's readers put each class into.
COLOURS = """
64 128 64 Animal 9
192 0 128 Archway 1
0 128 192 Bicyclist 10
0 128 64 Bridge 1
128 0 0 Building 1
64 0 128 Car 8
64 0 192 CartLuggagePram 9
192 128 64 Child 9
192 192 128 Column_Pole 2
64 64 128 Fence 7
128 0 192 LaneMkgsDriv 3
192 0 64 LaneMkgsNonDriv 3
128 128 64 Misc_Text 6
192 0 192 MotorcycleScooter 10
128 64 64 OtherMoving 8
64 192 128 ParkingBlock 4
64 64 0 Pedestrian 9
128 64 128 Road 3
128 128 192 RoadShoulder 4
0 0 192 Sidewalk 4
192 128 128 SignSymbol 6
128 128 128 Sky 0
64 128 192 SUVPickupTruck 8
0 0 64 TrafficCone 2
0 64 64 TrafficLight 6
192 64 128 Train 8
128 128 0 Tree 5
192 128 192 Truck_Bus 8
64 0 64 Tunnel 1
192 192 0 VegetationMisc 5
0 0 0 Void 255
64 192 0 Wall 1
"""
RELEASE = [line.split() for line in COLOURS.strip().splitlines()]
PALETTE = [[[int(part) for part in line[:3]] for line in RELEASE]]
GROUPS = [[int(line[4]) for line in RELEASE]]


@pytest.fixture
def segnet(tmp_path: Path, write: Write) -> Path:
    """Two frames in train, one in val."""
    for split, name, value in (("train", "b", ROAD), ("train", "a", SKY), ("val", "c", BICYCLIST)):
        write(tmp_path / split / f"{name}.png", GREY)
        write(tmp_path / f"{split}annot" / f"{name}.png", [[value, 11, value]] * 2)
    return tmp_path


def test_reads_segnets_layout(segnet: Path) -> None:
    train = data.make("camvid", "train", segnet)
    assert [sample.name for sample in train] == ["a", "b"]
    assert train[1].label.tolist() == [[ROAD, data.IGNORED, ROAD]] * 2
    assert train[1].image.shape == (3, 2, 3)
    assert train[1].image.dtype == train[1].label.dtype == torch.uint8
    assert (train.name, train.split) == ("camvid", "train")


def test_reads_red_first(segnet: Path, write: Write) -> None:
    write(segnet / "train/a.png", [[[250, 20, 3]] * 3] * 2)
    assert data.make("camvid", "train", segnet)[0].image[:, 1, 2].tolist() == [250, 20, 3]


def test_reads_jpeg_frames_and_labels_with_a_palette(segnet: Path, write: Write) -> None:
    (segnet / "train/a.png").unlink()
    write(segnet / "train/a.jpg", GREY)
    label = Image.fromarray(np.full((2, 3), CAR, dtype=np.uint8))
    label.putpalette([0, 0, 0] * CAR + [64, 0, 128])
    label.save(segnet / "trainannot/a.png")
    assert data.make("camvid", "train", segnet)[0].label.tolist() == [[CAR] * 3] * 2


def test_trainval_is_train_and_val(segnet: Path) -> None:
    both = data.make("camvid", "trainval", segnet)
    assert [sample.name for sample in both] == ["a", "b", "c"]
    assert both.split == "trainval"


def test_finds_the_folder_by_the_environment(segnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROBENCH_CAMVID", str(segnet))
    assert len(data.make("camvid", "val")) == 1


def test_classes_are_segnets_in_the_colours_of_the_release(segnet: Path) -> None:
    classes = data.make("camvid", "train", segnet).classes
    assert classes.names[POLE : TREE + 1] == ("Pole", "Road", "Pavement", "Tree")
    assert classes.palette[PAVEMENT] == (0, 0, 192)
    assert len(classes.names) == len(set(classes.palette)) == 11


def test_groups_the_releases_32_colours_in_folders(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "test/x.png", np.zeros((1, 32, 3)))
    write(tmp_path / "test_labels/x_L.png", PALETTE)
    [sample] = list(data.make("camvid", "test", tmp_path))
    assert sample.label.tolist() == GROUPS
    assert sample.name == "x"


@pytest.mark.parametrize("line", ["x", "x.png", "/SegNet/CamVid/test/x.png /SegNet/CamVid/testannot/x.png"])
def test_reads_the_release_by_a_list_of_frames(tmp_path: Path, write: Write, line: str) -> None:
    for name in ("x", "y"):
        write(tmp_path / f"701_StillsRaw_full/{name}.png", np.zeros((1, 32, 3)))
        write(tmp_path / f"LabeledApproved_full/{name}_L.png", PALETTE)
    (tmp_path / "test.txt").write_text(line + "\n\n")
    [sample] = list(data.make("camvid", "test", tmp_path))
    assert (sample.name, sample.label.tolist()) == ("x", GROUPS)


def test_the_release_needs_lists_whose_frames_are_there(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "701_StillsRaw_full/x.png", GREY)
    write(tmp_path / "LabeledApproved_full/x_L.png", GREY)
    with pytest.raises(InputError, match=r"train\.txt"):
        data.make("camvid", "train", tmp_path)
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(InputError, match=r"empty.*train\.txt"):
        data.make("camvid", "train", tmp_path)
    (tmp_path / "train.txt").write_text("x\nz\n")
    with pytest.raises(InputError, match=r"train\.txt lists 'z'"):
        data.make("camvid", "train", tmp_path)


def test_names_the_file_and_the_colour_that_stands_for_nothing(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "val/x.png", np.zeros((1, 2, 3)))
    label = write(tmp_path / "val_labels/x_L.png", [[[128, 0, 0], [128, 0, 1]]])
    with pytest.raises(InputError) as refusal:
        data.make("camvid", "val", tmp_path)[0]
    assert str(label) in str(refusal.value)
    assert "(128, 0, 1)" in str(refusal.value)


def test_names_the_file_and_the_index_that_stands_for_nothing(segnet: Path, write: Write) -> None:
    label = write(segnet / "valannot/c.png", [[0, 12, 200]] * 2)
    with pytest.raises(InputError) as refusal:
        data.make("camvid", "val", segnet)[0]
    assert str(label) in str(refusal.value)
    assert "12; allowed: 0 to 11" in str(refusal.value)
