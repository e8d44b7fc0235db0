"""A package of another project, or one file of a user's, brings a block, an interaction and a data set of its own."""

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, run_microbench, run_python

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.subprocess]

CODE = '''
import torch
from torch import nn

from lpsnet.data import ClassSet, Sample, SegmentationDataset


class Conv5x5(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, *, bias=False):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 5, stride, padding=2, bias=bias)

    def forward(self, features):
        return torch.relu(self.conv(features))


class Scaled(nn.Module):
    """Not much of an interaction: each path's map times a learnt factor."""

    def __init__(self, channels, *, paths):
        super().__init__()
        self.factors = nn.ParameterList(nn.Parameter(torch.ones(channels, 1, 1)) for _ in range(paths))

    def forward(self, maps):
        return [features * factor for features, factor in zip(maps, self.factors)]


class Stripes(SegmentationDataset):
    name = "stripes"
    classes = ClassSet(("light", "dark"), ((255, 255, 255), (0, 0, 0)))
    splits = ("train", "val")
    test_split = "val"
    caveat = "Nobody drives on stripes."

    def __init__(self, split, root=None):
        self.split = split

    def __len__(self):
        return 6

    def __getitem__(self, index):
        label = (torch.arange(48) // (2 + range(6)[index]) % 2).to(torch.uint8).expand(32, 48).contiguous()
        return Sample((200 - 150 * label).expand(3, 32, 48).contiguous(), label, f"stripes-{index}")
'''
REGISTERED = (
    CODE
    + """

from blocks.registry import BLOCKS
from interactions.registry import INTERACTIONS
from lpsnet.data.registry import DATA_SETS

BLOCKS.register("conv5x5")(Conv5x5)
INTERACTIONS.register("scaled")(Scaled)
DATA_SETS.register("stripes")(Stripes)
"""
)
ENTRY_POINTS = """
    [project.entry-points."microbench.blocks"]
    conv5x5 = "roadworks:Conv5x5"
    [project.entry-points."microbench.interactions"]
    scaled = "roadworks:Scaled"
    [project.entry-points."microbench.data_sets"]
    stripes = "roadworks:Stripes"
"""
BROKEN = """
    [project.entry-points."microbench.blocks"]
    pothole = "sinkhole:Pothole"
"""
COMPLAINT = (
    "microbench: warning: entry point 'pothole' of sinkhole 0.3 (microbench.blocks) is left out: "
    "ModuleNotFoundError: No module named 'asphalt'.\n"
)
LIMIT_S = 500
QUICK = ("--quick", "--ci", "0.9", "--budget", "0.05", "--runtime", "onnxruntime", "--json")
SHORT = ("crop_height=32", "crop_width=48", "batch_size=2", "iterations=2", "validate_every=2", "precision=fp32")


class Installation:
    """How the code is brought: the environment of the commands, and what they are given besides."""

    def __init__(self, folder: Path, site: Path | None, options: tuple[str, ...], complaint: str) -> None:
        self.folder, self.options, self.complaint = folder, options, complaint
        paths = [str(path) for path in (site, ROOT) if path is not None]
        self.environment = {"PYTHONPATH": os.pathsep.join(paths)}

    def microbench(self, *arguments: str) -> Ended:
        """Run a command, which must end well."""
        done = run_microbench(
            *arguments, *self.options, cwd=self.folder, environment=self.environment, timeout_s=LIMIT_S
        )
        assert done.code == 0, done.err
        assert "Traceback" not in done.err
        return done

    def json_of(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.microbench(*arguments, "--json").out)
        return found


def install(package: str, code: str, entry_points: str, folder: Path, site: Path) -> None:
    source = folder / package
    source.mkdir()
    (source / f"{package}.py").write_text(code)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{package}"\nversion = "0.3"\n[tool.setuptools]\npy-modules = ["{package}"]\n'
        + textwrap.dedent(entry_points)
    )
    offline = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    done = run_python("-m", "pip", "install", *offline, "--target", site, source)
    assert done.code == 0, done.err


@pytest.fixture(scope="module", params=["installed", "imported"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("third-party")
    if request.param == "imported":
        (folder / "my_roadworks.py").write_text(REGISTERED)
        return Installation(folder, None, ("--import", "my_roadworks.py"), "")
    site = folder / "site"
    install("roadworks", CODE, ENTRY_POINTS, folder, site)
    install("sinkhole", "import asphalt", BROKEN, folder, site)
    return Installation(folder, site, (), COMPLAINT)


def test_the_doctor_lists_what_is_installed_and_tries_it(installation: Installation) -> None:
    if not installation.complaint:
        pytest.skip("what is imported is no plugin")
    declared = installation.json_of("doctor")["plugins"]
    assert {(plugin["group"], plugin["name"], plugin["works"]) for plugin in declared} == {
        ("microbench.blocks", "conv5x5", None),
        ("microbench.blocks", "pothole", None),
        ("microbench.interactions", "scaled", None),
        ("microbench.data_sets", "stripes", None),
    }
    tried = installation.json_of("doctor", "--load")
    assert {plugin["name"]: plugin["works"] for plugin in tried["plugins"]} == {
        "conv5x5": True,
        "pothole": False,
        "scaled": True,
        "stripes": True,
    }
    assert "stripes" in {data_set["name"] for data_set in tried["data_sets"]}
    text = installation.microbench("doctor", "--load").out
    assert "  yes  conv5x5 (microbench.blocks, roadworks:Conv5x5) of roadworks 0.3\n" in text
    assert f"  no   {COMPLAINT.removeprefix('microbench: warning: ')}" in text


def test_the_block_is_swept_with_its_options(installation: Installation) -> None:
    choice = ("--block", "conv5x5:bias", "--width", "4", "--resolution", "8", "--results", "sweep", *QUICK)
    (record,) = json.loads(installation.microbench("run", "sweep", *choice).out)["records"]
    # 4 x 4 kernels of 5 x 5 and a bias each; each weight of a kernel is used once a pixel.
    assert (record["block"], record["macs"], record["parameters"]) == ("conv5x5:bias", 400 * 64, 404)
    assert record["error"] is None


@pytest.mark.parametrize(
    ("table", "axis", "name"), [("table2", "block", "conv5x5"), ("table3", "interaction", "scaled")]
)
def test_the_tables_have_a_row_of_it(installation: Installation, table: str, axis: str, name: str) -> None:
    done = installation.microbench("run", table, "--resolution", "64x64", "--results", table, *QUICK)
    assert done.err.count(COMPLAINT) == bool(installation.complaint and table == "table2")
    rows = {record[axis]: record for record in json.loads(done.out)["records"]}
    assert rows[name]["error"] is None
    assert rows[name]["latency_ms"] > 0
    assert len(rows) == 8


def test_a_network_of_it_is_trained_evaluated_and_exported(installation: Installation) -> None:
    settings = [part for setting in (*SHORT, "data_set=stripes", "test_split=val") for part in ("--set", setting)]
    layers = ("--block", "conv5x5", "--interaction", "scaled")
    done = installation.microbench("train", "lpsnet-step-6", *layers, *settings, "--out", "trained")
    assert "microbench evaluate trained/network.safetensors --data-set stripes --split val" in done.out
    shown = installation.microbench("evaluate", "trained/network.safetensors", "--data-set", "stripes").out
    assert "stripes val, torch fp32 on cpu: mIoU" in shown
    assert "Nobody drives on stripes.\n" in shown
    weights = ("--weights", "trained/network.safetensors", "--classes", "2", "--size", "64x64")
    installation.microbench("export", "lpsnet-step-6", "network.onnx", *layers, *weights)
    assert (installation.folder / "network.onnx").stat().st_size > 10_000


def test_pytest_times_the_block_too(installation: Installation) -> None:
    options = ["--microbench-import", str(installation.folder / "my_roadworks.py")] if installation.options else []
    speed = ["--benchmark-max-time=0.05", "--benchmark-min-rounds=3", "-p", "no:cacheprovider", "-k", "conv5x5"]
    benchmark = ["-m", "pytest", "microbench/benchmarks/bench_blocks.py", "--benchmark-only", "-q"]
    done = run_python(*benchmark, *speed, *options, cwd=ROOT, environment=installation.environment)
    assert done.code == 0, done.out
    assert "2 passed" in done.out
