"""The wheel has what the program opens, and works in an environment that has nothing of this clone."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("blocks", "interactions", "lpsnet", "microbench")

pytestmark = [pytest.mark.slow, pytest.mark.subprocess]


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as if this clone were not there."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def tracked() -> list[str]:
    done = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if done.returncode:
        pytest.skip("what belongs to the project is known from git")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


class Built(NamedTuple):
    """The two files that would be published, the wheel built from what the sdist has."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    clone = folder / "clone"
    for name in tracked():
        if name.startswith((*(f"{package}/" for package in PACKAGES), "results/paper/")) or "/" not in name:
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name, follow_symlinks=False)
    sdist = folder / build(clone, "sdist", folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.glob("*/PKG-INFO"))
    return Built(sdist, folder / build(unpacked.parent, "wheel", folder))


def build(source: Path, kind: str, out: Path) -> str:
    """Without build isolation, which would download setuptools."""
    code = f"import setuptools.build_meta as b; print(b.build_{kind}({str(out)!r}))"
    done = run(sys.executable, "-c", code, cwd=source)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def expected() -> set[str]:
    """Every file of the packages; of the published tables, a linked folder, the files in it."""
    own = {name for name in tracked() if name.startswith(tuple(f"{package}/" for package in PACKAGES))}
    linked = {name for name in own if (ROOT / name).is_dir()}
    files = {f"{name}/{path.name}" for name in linked for path in (ROOT / name).glob("*.csv")}
    return own - linked | files


def test_the_wheel_has_every_file_of_the_packages(built: Built) -> None:
    found = set(zipfile.ZipFile(built.wheel).namelist())
    assert {name for name in found if name.startswith(tuple(f"{package}/" for package in PACKAGES))} == expected()
    assert {Path(name).suffix for name in expected()} >= {".yaml", ".csv", ".html", ".css", ".js"}


def test_the_sdist_has_them_too(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        found = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert expected() <= found
    assert {"README.md", "LICENSE", "pyproject.toml"} <= found


@pytest.fixture(scope="module")
def program(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a fresh environment: our wheel, and the dependencies that the tests' own environment has.

    Its `.pth` file adds their folder. The `.pth` files in that folder, by which this clone may be installed as
    editable, are not read: Python reads those of an environment's own folder alone.
    """
    folder = tmp_path_factory.mktemp("environment")
    done = run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    python = folder / "bin" / "python"
    install = ("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", built.wheel)
    done = run(sys.executable, *install, cwd=folder)
    assert done.returncode == 0, done.stderr
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    origin = run(python, "-c", "import lpsnet, microbench; print(lpsnet.__file__, microbench.__file__)", cwd=folder)
    assert origin.stdout.count(str(site_packages)) == 2, origin
    return folder / "bin" / "microbench"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands are run, one after the other."""
    return tmp_path_factory.mktemp("empty")


def test_doctor(program: Path, empty: Path) -> None:
    done = run(program, "doctor", cwd=empty)
    assert done.returncode == 0, done.stderr
    assert "yes  onnxruntime" in done.stdout


def test_a_figure_is_measured_and_reported(program: Path, empty: Path) -> None:
    hasty = ("--quick", "--ci", "0.5", "--budget", "0.2")
    done = run(program, "run", "figure4", *hasty, "--machine", "here", cwd=empty)
    assert done.returncode == 0, done.stderr
    assert (empty / "results" / "here" / "figure4.svg").is_file()
    done = run(program, "report", "--machine", "here", cwd=empty)
    assert done.returncode == 0, done.stderr
    assert "</html>" in (empty / "results" / "here" / "report.html").read_text("utf-8")


def test_a_network_is_trained_by_a_recipe_of_the_package(program: Path, empty: Path) -> None:
    changes = ("crop_height=32", "crop_width=48", "batch_size=2", "iterations=2", "validate_every=2", "precision=fp32")
    settings = [part for change in changes for part in ("--set", change)]
    done = run(program, "train", "lpsnet-step-0", *settings, "--json", cwd=empty)
    assert done.returncode == 0, done.stderr
    assert (empty / json.loads(done.stdout)["weights"]).is_file()


def test_two_folders_of_models_are_compared(program: Path, empty: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = [1, 8, 64, 64]
    image, result = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "result"))
    graph = helper.make_graph([helper.make_node("Neg", ["image"], ["result"])], "tiny", [image], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for side in ("base", "head"):
        (empty / side).mkdir()
        onnx.save(model, empty / side / "tiny.onnx")
    done = run(program, "gate", "base", "head", "--processes", "8", "--confirm", "0", "--json", cwd=empty)
    # On a busy machine the gate may say that it cannot tell.
    assert done.returncode in (0, 3), done.stderr
    assert [workload["workload"] for workload in json.loads(done.stdout)["workloads"]] == ["tiny"]
