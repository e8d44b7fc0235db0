"""The data set that CONTRIBUTING.md shows how to add does what the ones of this project do."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpsnet import data
from lpsnet.data.registry import DATA_SETS
from microbench.errors import InputError

Write = Callable[[Path, object], Path]


@pytest.fixture
def harbour(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in its layout; the data set is registered for this test alone."""
    text = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text("utf-8")
    (code,) = re.findall(r"## Add a data set\n.*?```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.setattr(DATA_SETS, "_makers", dict(DATA_SETS._makers))
    exec(compile(code, "CONTRIBUTING.md", "exec"), {"__name__": "contributed"})
    for part, name in (("train", "b"), ("train", "a"), ("val", "c")):
        write(tmp_path / f"images/{part}/{name}.jpg", np.zeros((2, 3, 3)))
        write(tmp_path / f"labels/{part}/{name}.png", [[0, 1, 255]] * 2)
    return tmp_path


def test_it_is_listed_and_read(harbour: Path) -> None:
    assert data.NAMES == ("bdd100k", "camvid", "cityscapes", "generated", "harbour")
    both = data.make("harbour", "trainval", harbour)
    assert [sample.name for sample in both] == ["a", "b", "c"]
    assert both[0].label.tolist() == [[0, 1, data.IGNORED]] * 2


def test_commands_know_its_split_classes_and_folder(harbour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = data.of("harbour")
    assert (described.test_split, described.classes.names) == ("val", ("water", "boat"))
    monkeypatch.setenv("MICROBENCH_HARBOUR", str(harbour))
    assert len(data.make("harbour", described.test_split)) == 1


def test_what_is_missing_or_wrong_is_said_in_a_sentence(harbour: Path, write: Write) -> None:
    with pytest.raises(InputError, match=r"MICROBENCH_HARBOUR \(https://example\.org/harbour\)\."):
        data.make("harbour", "train")
    with pytest.raises(InputError, match="split 'test' is unknown; allowed: train, val, trainval"):
        data.make("harbour", "test", harbour)
    write(harbour / "labels/val/c.png", [[0, 1, 2]] * 2)
    with pytest.raises(InputError, match=r"c\.png has the value 2; allowed: 0 to 1, 255"):
        data.make("harbour", "val", harbour)[0]
