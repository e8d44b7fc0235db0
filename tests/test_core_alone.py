"""Without any of the extras: what needs one says which, and everything else works.

Packages that the core dependencies do not bring are made impossible to import, in the commands and in the processes
that they start.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from microbench import extras

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.subprocess

BLOCKER = """
import json, os
from importlib.machinery import PathFinder

ABSENT = frozenset(json.loads(os.environ["ABSENT_PACKAGES"]))
find_spec = PathFinder.find_spec

def find_present(name, path=None, target=None):
    return None if name.partition(".")[0] in ABSENT else find_spec(name, path, target)

PathFinder.find_spec = find_present
"""
"""The `sitecustomize` of the processes: what is absent is not found, as where it is not installed."""


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def normal(name: str) -> str:
    """The same for all spellings of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements_of(distribution: str) -> Iterable[str]:
    try:
        return importlib.metadata.requires(distribution) or ()
    except importlib.metadata.PackageNotFoundError:
        return ()


def with_their_requirements(names: Iterable[str]) -> set[str]:
    """The distributions that are installed for these."""
    found: set[str] = set()
    waiting = [normal(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needed = [Requirement(text) for text in requirements_of(name)]
            waiting += [normal(r.name) for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def absent_packages() -> list[str]:
    """What is importable here and comes with none of the core dependencies."""
    core = with_their_requirements(Requirement(text).name for text in project()["dependencies"])
    core |= {"lpsnet-microbench", "setuptools"}  # of which every environment of Python 3.11 has one
    return sorted(
        package
        for package, owners in importlib.metadata.packages_distributions().items()
        if not core & {normal(owner) for owner in owners}
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("blocker")
    (folder / "sitecustomize.py").write_text(BLOCKER)
    path = os.pathsep.join([str(folder), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "ABSENT_PACKAGES": json.dumps(absent_packages())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are run, one after the other."""
    return tmp_path_factory.mktemp("core-alone")


def run(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def microbench(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(environment, folder, "-m", "microbench", *arguments)


def extra_packages() -> Iterator[str]:
    optional = project()["optional-dependencies"]
    yield from (Requirement(text).name for text in optional["train"])


@pytest.mark.parametrize("package", list(extra_packages()))
def test_a_package_of_an_extra_cannot_be_imported(package: str, environment: dict[str, str], folder: Path) -> None:
    done = run(environment, folder, "-c", f"import {package}")
    assert "ModuleNotFoundError" in done.stderr


def test_the_extra_that_training_asks_for_is_the_one_that_is_declared() -> None:
    assert set(extras._PACKAGES["train"]) == set(extra_packages())


@pytest.mark.parametrize("arguments", [["train"], ["run", "table2", "--train", "generated"]], ids=" ".join)
def test_what_trains_says_which_extra_it_needs(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    done = microbench(environment, folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "kornia and lightning and tensorboard" in done.stderr
    assert "pip install 'lpsnet-microbench[train]'" in done.stderr


def test_doctor_names_the_extras_of_runtimes(environment: dict[str, str], folder: Path) -> None:
    done = microbench(environment, folder, "doctor")
    assert done.returncode == 0, done.stderr
    assert "pip install 'lpsnet-microbench[tensorrt]'" in done.stdout


HASTY = ("--quick", "--ci", "0.5", "--budget", "0.2", "--machine", "here")

COMMANDS = [
    ["run", "figure4", *HASTY],
    ["show", "figure4", "--machine", "here"],
    ["report", "--machine", "here"],
    ["compare", "results/here", "results/here", "--out", "compared"],
    ["export", "lpsnet-step-0", "step-0.onnx", "--size", "64x64"],
    ["bundle", "figure4", "--out", "bundled"],
]


@pytest.mark.slow
def test_everything_else_works(environment: dict[str, str], folder: Path) -> None:
    """One after the other, as the later ones read what the first one measured."""
    for arguments in COMMANDS:
        done = microbench(environment, folder, *arguments)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"


@pytest.mark.slow
def test_trained_weights_are_used(environment: dict[str, str], folder: Path) -> None:
    build = "lpsnet.build('lpsnet-step-0', num_classes=11, deploy=True)"
    save = f"import lpsnet; lpsnet.save_weights({build}, 'w.safetensors')"
    assert run(environment, folder, "-c", save).returncode == 0
    done = microbench(environment, folder, "evaluate", "w.safetensors", "--out", "evaluated", "--json")
    assert done.returncode == 0, done.stderr
    done = microbench(environment, folder, "predict", "w.safetensors", "evaluated/panels.png", "--out", "predicted")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_models_are_compared(environment: dict[str, str], folder: Path) -> None:
    for side in ("base", "head"):
        (folder / side).mkdir()
        exported = f"{side}/step-0.onnx"
        done = microbench(environment, folder, "export", "lpsnet-step-0", exported, "--size", "64x64")
        assert done.returncode == 0, done.stderr
    done = microbench(environment, folder, "gate", "base", "head", "--processes", "8", "--confirm", "0")
    assert done.returncode in (0, 3), done.stderr  # 3 where the machine is too busy to tell
