"""The 701 frames themselves, where MICROBENCH_CAMVID names a folder with SegNet's layout."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpsnet import data

pytestmark = [pytest.mark.camvid, pytest.mark.heavy]

COUNTS = {"train": 367, "val": 101, "test": 233, "trainval": 468}


@pytest.fixture
def real_camvid() -> Path:
    folder = Path(os.environ.get("MICROBENCH_CAMVID", ""))
    if not (folder / "trainannot").is_dir():
        pytest.skip("MICROBENCH_CAMVID does not name a folder with CamVid in SegNet's layout")
    return folder


@pytest.mark.parametrize("split", COUNTS)
def test_splits_are_segnets(real_camvid: Path, split: str) -> None:
    assert len(data.make("camvid", split, real_camvid)) == COUNTS[split]


def test_no_frame_stands_in_two_splits(real_camvid: Path) -> None:
    splits = [data.make("camvid", split, real_camvid) for split in ("trainval", "test")]
    names = [path.stem for part in ("train", "val", "test") for path in (real_camvid / part).iterdir()]
    assert len(set(names)) == len(names) == sum(map(len, splits))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_class_frequencies_are_those_of_the_label_files(real_camvid: Path, split: str) -> None:
    expected, found = np.zeros(12, dtype=int), np.zeros(256, dtype=int)
    for path in (real_camvid / f"{split}annot").iterdir():
        expected += np.bincount(np.asarray(Image.open(path)).ravel(), minlength=12)
    for sample in data.make("camvid", split, real_camvid):
        assert sample.image.shape == (3, 360, 480)
        found += np.bincount(sample.label.flatten().numpy(), minlength=256)
    assert found[:11].tolist() == expected[:11].tolist()
    assert found[data.IGNORED] == expected[11]
    assert found.sum() == COUNTS[split] * 360 * 480
    assert found[11:255].sum() == 0
