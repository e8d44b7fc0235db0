"""`--import` brings a user's own code into a command."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from commands import call_microbench

from lpsnet.registry import NETWORKS
from microbench import plugins
from microbench.bundle.command import main as measure
from microbench.experiments import EXPERIMENTS

NETWORK = """
from torch import nn

class TinyNet(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.Conv2d(3, num_classes, 3, stride=2, padding=1))

class Nothing:
    pass
"""
EXPERIMENT = """
from microbench.experiments import EXPERIMENTS
from microbench.experiments.ceilings import Ceilings

@EXPERIMENTS.register("corner")
class Corner(Ceilings):
    name = "corner"
    title = "A corner of my own"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's files, which nothing of is remembered afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(plugins, "_imported", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    for registry in (NETWORKS, EXPERIMENTS):
        monkeypatch.setattr(registry, "_makers", dict(registry._makers))
    (tmp_path / "my_network.py").write_text(NETWORK)
    (tmp_path / "my_experiment.py").write_text(EXPERIMENT)
    yield tmp_path
    for name in ("my_network", "my_experiment"):
        sys.modules.pop(name, None)


def test_a_class_of_a_file_is_exported_under_its_own_name(folder: Path) -> None:
    options = ("--import", "my_network.py:TinyNet", "--size", "32x64", "--classes", "5")
    assert call_microbench("export", "tiny_net", "tiny.onnx", *options).err == ""
    (output,) = onnx.load(folder / "tiny.onnx").graph.output
    assert [dimension.dim_value for dimension in output.type.tensor_type.shape.dim] == [1, 5, 16, 32]


def test_an_experiment_becomes_a_command_of_run() -> None:
    commands = call_microbench("run", "--import", "my_experiment.py", "--help").out
    assert re.search(r"corner +A corner of my own", commands)
    assert "A corner of my own." in call_microbench("run", "--import", "my_experiment.py", "corner", "--help").out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("my_network.py:Nothing", "is of no kind that can be registered: a runtime is a class that derives from "),
        ("my_network.py:Something", "AttributeError: module 'my_network' has no attribute 'Something'."),
        ("nowhere.py", "nowhere.py' is not a file."),
    ],
)
@pytest.mark.parametrize("command", [("run", "sweep"), ("export", "tiny_net", "x.onnx"), ("doctor",)])
def test_what_cannot_be_imported_ends_the_command_with_a_sentence(
    command: tuple[str, ...], text: str, sentence: str
) -> None:
    ended = call_microbench(*command, "--import", text)
    assert ended.code == 2
    assert ended.err.startswith("microbench: import ")
    assert sentence in ended.err
    assert ended.err.count("\n") == 1


def test_a_name_that_is_taken_ends_the_command_with_a_sentence(folder: Path) -> None:
    (folder / "my_network.py").write_text(
        "class Nothing:\n  name = 'lpsnet-s'\n  def __init__(self, num_classes): pass"
    )
    ended = call_microbench("export", "lpsnet-s", "s.onnx", "--import", "my_network.py:Nothing")
    assert ended.code == 2
    assert ended.err.startswith("microbench: network 'lpsnet-s' is already registered by lpsnet.")
    assert ended.err.count("\n") == 1


def test_the_command_of_a_bundles_device_imports_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        measure(["bundle", "--import", "my_network.py:Something"])
    assert ended.value.code == 2
    assert "has no attribute 'Something'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        measure(["no_bundle", "--import", "my_network.py"])
    assert "my_network" in sys.modules
