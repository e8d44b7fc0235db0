from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpsnet import data
from microbench.errors import InputError

Write = Callable[[Path, object], Path]

GREY = np.full((2, 3, 3), 128)


def test_reads_todays_layout(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "images/10k/train/0a.jpg", GREY)
    write(tmp_path / "labels/sem_seg/masks/train/0a.png", [[0, 18, 255]] * 2)
    [sample] = list(data.make("bdd100k", "train", tmp_path))
    assert (sample.name, sample.label.tolist()) == ("0a", [[0, 18, 255]] * 2)


def test_reads_the_earlier_layout(tmp_path: Path, write: Write) -> None:
    for split in ("train", "val"):
        write(tmp_path / f"seg/images/{split}/{split}0a.jpg", GREY)
        write(tmp_path / f"seg/labels/{split}/{split}0a_train_id.png", [[13, 13, 255]] * 2)
    both = list(data.make("bdd100k", "trainval", tmp_path))
    assert [sample.name for sample in both] == ["train0a", "val0a"]
    assert both[1].label.tolist() == [[13, 13, 255]] * 2


def test_shares_cityscapes_classes(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "images/10k/val/0a.jpg", GREY)
    write(tmp_path / "labels/sem_seg/masks/val/0a.png", [[19] * 3] * 2)
    val = data.make("bdd100k", "val", tmp_path)
    assert val.classes.names[18] == "bicycle"
    with pytest.raises(InputError, match=r"0a\.png has the value 19; allowed: 0 to 18, 255"):
        val[0]


def test_names_both_layouts_where_neither_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels.sem_seg.masks or .*seg.labels, but .* holds nothing"):
        data.make("bdd100k", "train", tmp_path)
