from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import output_of

from lpsnet import data
from lpsnet.data.street import Label
from microbench.errors import InputError


@pytest.fixture(scope="module")
def train() -> data.SegmentationDataset:
    return data.InMemory(data.make("generated", "train", count=60))


def digest(sample: data.Sample) -> str:
    return sha256(sample.image.numpy().tobytes() + sample.label.numpy().tobytes()).hexdigest()


def test_needs_no_files_and_says_what_it_is(train: data.SegmentationDataset) -> None:
    assert (train.name, train.split, train[7].name) == ("generated", "train", "generated-train-00007")
    assert train[0].image.shape == (3, 180, 240)
    assert train[0].label.shape == (180, 240)
    assert train[0].image.dtype == train[0].label.dtype == torch.uint8


@pytest.mark.parametrize(("split", "count"), [("train", 120), ("val", 30), ("test", 30)])
def test_splits_have_their_sizes(split: str, count: int) -> None:
    assert len(data.make("generated", split)) == count


@pytest.mark.subprocess
def test_a_scene_is_the_same_each_time_and_in_each_process(train: data.SegmentationDataset) -> None:
    program = (
        "from hashlib import sha256; from lpsnet import data; sample = data.make('generated', 'train')[5]; "
        "print(sha256(sample.image.numpy().tobytes() + sample.label.numpy().tobytes()).hexdigest())"
    )
    assert output_of(program).strip() == digest(train[5])


def test_no_scene_stands_twice() -> None:
    scenes = [
        digest(scene)
        for split in ("train", "val", "test")
        for seed in (0, 1)
        for scene in data.make("generated", split, count=4, seed=seed, size=(24, 32))
    ]
    assert len(set(scenes)) == len(scenes) == 24


def test_a_larger_count_only_adds_scenes() -> None:
    few, many = (data.make("generated", "val", count=count, size=(24, 32)) for count in (2, 5))
    assert [digest(scene) for scene in few] == [digest(many[index]) for index in range(2)]


def test_labels_are_camvids_by_name(train: data.SegmentationDataset) -> None:
    drawn = {label.name.title().replace("Sign", "SignSymbol"): int(label) for label in Label}
    assert {name: index for index, name in enumerate(train.classes.names)} == {
        name: index for name, index in drawn.items() if name != "Unlabelled"
    }
    assert drawn["Unlabelled"] == data.IGNORED


def test_all_classes_come_often_and_few_pixels_are_ignored(train: data.SegmentationDataset) -> None:
    counts = np.stack([np.bincount(sample.label.flatten().numpy(), minlength=256) for sample in train])
    assert counts[:, 11:255].sum() == 0
    assert ((counts[:, :11] > 0).mean(axis=0) > 0.5).all()
    share = counts.sum(axis=0) / counts.sum()
    assert (share[:11] > 0.001).all()
    assert share[:11].max() < 0.5
    assert 0.002 < share[data.IGNORED] < 0.1


def test_things_come_at_many_scales(train: data.SegmentationDataset) -> None:
    cars = [int((sample.label == Label.CAR).sum()) for sample in train]
    assert max(cars) > 20 * min(cars)
    runs = [width for sample in train for width in pole_widths(sample.label.numpy())]
    assert runs.count(1) + runs.count(2) > len(runs) / 2
    assert max(runs) > 8


def pole_widths(label: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[int]:
    """Lengths of the horizontal runs of pole pixels in every eighth row."""
    is_pole = np.pad(label[::8] == Label.POLE, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(is_pole)
    return (np.argwhere(steps == -1)[:, 1] - np.argwhere(steps == 1)[:, 1]).tolist()  # type: ignore[no-any-return]


def test_is_neither_told_by_colour_nor_without_a_clue(train: data.SegmentationDataset) -> None:
    """The best guess of a pixel's class by its colour and row alone, on scenes that it was not made from."""
    split = len(train) // 2
    votes = np.zeros((8, 8 * 8 * 8, 11))
    right, total = 0, 0
    for index, sample in enumerate(train):
        known = sample.label.numpy() != data.IGNORED
        levels = sample.image.numpy().astype(int) // 32
        colour = ((levels[0] * 8 + levels[1]) * 8 + levels[2])[known]
        row = np.broadcast_to(np.arange(180)[:, None] * 8 // 180, known.shape)[known]
        label = sample.label.numpy()[known]
        if index < split:
            np.add.at(votes, (row, colour, label), 1)
        else:
            right += int((votes.argmax(axis=-1)[row, colour] == label).sum())
            total += label.size
    assert 0.4 < right / total < 0.85


@pytest.mark.parametrize("size", [(16, 16), (240, 60), (48, 400), (37, 53)])
def test_draws_any_size_with_ground_below_and_sky_above(size: tuple[int, int]) -> None:
    labels = torch.stack([scene.label for scene in data.make("generated", "val", count=8, size=size)])
    assert labels.shape == (8, *size)
    assert (labels[:, -1] != Label.SKY).all()
    assert (labels[:, 0] != Label.ROAD).all()


def test_ends_as_a_sequence_ends() -> None:
    scenes = data.make("generated", "val", count=2, size=(24, 32))
    assert scenes[-1].name == "generated-val-00001"
    with pytest.raises(IndexError):
        scenes[2]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"size": (180,)}, "size"),
        ({"size": (180, 8)}, "size"),
        ({"size": (180.0, 240)}, "size"),
        ({"size": "ab"}, "size"),
        ({"size": 180}, "size"),
        ({"count": 0}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"objects": 3}, "objects"),
    ],
)
def test_names_the_option_that_is_wrong(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=field):
        data.make("generated", "train", **options)


def test_takes_no_folder_and_no_other_split(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no files"):
        data.make("generated", "train", tmp_path)
    with pytest.raises(InputError, match="allowed: train, val, test"):
        data.make("generated", "trainval")
