from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpsnet import data
from microbench.errors import InputError

Write = Callable[[Path, object], Path]

BLACK = np.zeros((1, 34, 3))

# cityscapesScripts' labels.py, ids 0 to 33; 255 is void.
TRAIN_IDS_OF_IDS = [255] * 7 + [0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
TRAIN_IDS_OF_IDS += [255, 255, 16, 17, 18]


def add(root: Path, write: Write, split: str, city: str, ending: str, label: object) -> None:
    name = f"{city}_000000_000019"
    write(root / f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png", BLACK)
    write(root / f"gtFine/{split}/{city}/{name}_gtFine_{ending}.png", label)


def test_reads_train_ids_of_all_cities(tmp_path: Path, write: Write) -> None:
    for city in ("ulm", "aachen"):
        add(tmp_path, write, "train", city, "labelTrainIds", [[0] * 16 + [18] * 17 + [255]])
    train = list(data.make("cityscapes", "train", tmp_path))
    assert [sample.name for sample in train] == ["aachen_000000_000019", "ulm_000000_000019"]
    assert set(train[0].label.flatten().tolist()) == {0, 18, 255}


def test_maps_the_releases_ids(tmp_path: Path, write: Write) -> None:
    add(tmp_path, write, "val", "munster", "labelIds", [list(range(34))])
    [sample] = list(data.make("cityscapes", "val", tmp_path))
    assert sample.label.tolist() == [TRAIN_IDS_OF_IDS]


def test_prefers_train_ids_where_both_are_there(tmp_path: Path, write: Write) -> None:
    add(tmp_path, write, "val", "munster", "labelIds", [[7] * 34])
    add(tmp_path, write, "val", "munster", "labelTrainIds", [[7] * 34])
    [sample] = list(data.make("cityscapes", "val", tmp_path))
    assert sample.label.tolist() == [[7] * 34]


def test_trainval_is_both(tmp_path: Path, write: Write) -> None:
    add(tmp_path, write, "train", "ulm", "labelIds", [[7] * 34])
    add(tmp_path, write, "val", "munster", "labelIds", [[7] * 34])
    assert len(data.make("cityscapes", "trainval", tmp_path)) == 2


@pytest.mark.parametrize(("ending", "value"), [("labelTrainIds", 19), ("labelIds", 34)])
def test_names_a_value_outside_the_classes(tmp_path: Path, write: Write, ending: str, value: int) -> None:
    add(tmp_path, write, "val", "munster", ending, [[value] * 34])
    with pytest.raises(InputError, match=rf"munster_000000_000019_gtFine_{ending}\.png has the value {value}"):
        data.make("cityscapes", "val", tmp_path)[0]


def test_has_no_test_split_as_its_labels_are_not_published(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allowed: train, val, trainval"):
        data.make("cityscapes", "test", tmp_path)


def test_refuses_a_folder_that_lacks_a_part(tmp_path: Path, write: Write) -> None:
    add(tmp_path, write, "train", "ulm", "labelIds", [[7] * 34])
    with pytest.raises(InputError, match=r"leftImg8bit.val is missing"):
        data.make("cityscapes", "val", tmp_path)
    (tmp_path / "leftImg8bit/val").mkdir()
    with pytest.raises(InputError, match="empty"):
        data.make("cityscapes", "val", tmp_path)
    (tmp_path / "gtFine").rename(tmp_path / "gtCoarse")
    with pytest.raises(InputError, match=r"expects .*gtFine, but .* holds gtCoarse, leftImg8bit"):
        data.make("cityscapes", "train", tmp_path)


def test_classes_are_the_19_evaluated_ones(tmp_path: Path, write: Write) -> None:
    add(tmp_path, write, "train", "ulm", "labelIds", [[7] * 34])
    classes = data.make("cityscapes", "train", tmp_path).classes
    assert len(classes.names) == len(set(classes.palette)) == 19
    palette = dict(zip(classes.names, classes.palette, strict=True))
    assert palette["road"] == (128, 64, 128)
    assert palette["train"] == (0, 80, 100)
    assert palette["bicycle"] == (119, 11, 32)
