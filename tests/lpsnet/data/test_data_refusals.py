"""What a user is told whose data is not as it should be."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpsnet import data
from microbench.errors import InputError

Write = Callable[[Path, object], Path]


@pytest.fixture
def camvid(tmp_path: Path, write: Write) -> Path:
    """One frame with much detail, so that its files are long enough to be cut."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3))
    write(tmp_path / "train/frame.jpg", noise)
    write(tmp_path / "trainannot/frame.png", noise[..., 0] % 11)
    return tmp_path


def refusal(split: str, root: Path | None) -> str:
    with pytest.raises(InputError) as refused:
        data.InMemory(data.make("camvid", split, root))
    message = str(refused.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "bdd100k"])
def test_a_missing_folder_is_told_with_the_option_and_the_variable(name: str) -> None:
    with pytest.raises(InputError, match=f"--data.*MICROBENCH_{name.upper()}"):
        data.make(name, "train")


def test_a_folder_that_is_none(camvid: Path) -> None:
    assert str(camvid / "nowhere") in refusal("train", camvid / "nowhere")
    assert "is not a folder" in refusal("train", camvid / "train/frame.jpg")


def test_another_layout_is_told_by_what_is_expected_and_found(tmp_path: Path) -> None:
    for name in ("pictures", "masks"):
        (tmp_path / name).mkdir()
    message = refusal("train", tmp_path)
    assert str(tmp_path / "trainannot") in message
    assert "holds masks, pictures" in message


def test_an_empty_split(camvid: Path) -> None:
    (camvid / "train/frame.jpg").unlink()
    (camvid / "train/notes.txt").touch()
    assert re.search(r"the split is empty: .*train holds no image", refusal("train", camvid))


def test_a_split_without_images(camvid: Path) -> None:
    (camvid / "testannot").mkdir()
    assert str(camvid / "test") in refusal("test", camvid)


def test_an_image_without_a_label(camvid: Path, write: Write) -> None:
    write(camvid / "train/other.png", np.zeros((2, 2, 3)))
    message = refusal("train", camvid)
    assert str(camvid / "train/other.png") in message
    assert str(camvid / "trainannot/other.png") in message


def test_two_images_of_one_name(camvid: Path, write: Write) -> None:
    write(camvid / "train/frame.png", np.zeros((24, 32, 3)))
    assert "two images are called 'frame'" in refusal("train", camvid)


def test_a_label_of_another_size(camvid: Path, write: Write) -> None:
    label = write(camvid / "trainannot/frame.png", np.zeros((32, 24)))
    message = refusal("train", camvid)
    assert str(label) in message
    assert "24x32" in message
    assert "32x24" in message


def test_a_label_that_is_no_map_of_indices(camvid: Path) -> None:
    Image.new("I;16", (32, 24)).save(camvid / "trainannot/frame.png")
    assert "8-bit" in refusal("train", camvid)


@pytest.mark.parametrize("file", ["train/frame.jpg", "trainannot/frame.png"])
@pytest.mark.parametrize("kept", [0, 1, 7, 20, 50, 90])
def test_a_file_that_is_cut_short(camvid: Path, file: str, kept: int) -> None:
    content = (camvid / file).read_bytes()
    (camvid / file).write_bytes(content[: len(content) * kept // 100])
    assert str(camvid / file) in refusal("train", camvid)


def test_a_file_that_is_no_image(camvid: Path) -> None:
    (camvid / "train/frame.jpg").write_text("a note in the wrong place")
    assert str(camvid / "train/frame.jpg") in refusal("train", camvid)


def test_a_png_whose_chunks_are_scrambled(camvid: Path) -> None:
    label = camvid / "trainannot/frame.png"
    content = bytearray(label.read_bytes())
    content[8 + 25 + 4 : 8 + 25 + 8] = b"\xff\x00\xff\x00"  # the name of the chunk that follows IHDR
    label.write_bytes(content)
    assert str(label) in refusal("train", camvid)


def test_an_unknown_split(camvid: Path) -> None:
    assert "split 'training' is unknown; allowed: train, val, test, trainval." in refusal("training", camvid)


def test_an_unknown_data_set_or_option(camvid: Path) -> None:
    with pytest.raises(InputError, match=r"data set 'kitti' is unknown; allowed: .*camvid"):
        data.make("kitti", "train")
    with pytest.raises(InputError, match="option of data set 'camvid' 'size' is unknown"):
        data.make("camvid", "train", camvid, size=(2, 2))
