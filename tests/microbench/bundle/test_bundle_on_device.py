"""A bundle is timed where nothing of this project is installed, nor torch, nor any tool of the upper floors."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, run_python

from microbench.bundle.writer import BundleWriter
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.store import read_records

pytestmark = pytest.mark.subprocess

ABSENT = (
    "torch", "onnx", "fvcore", "pandas", "matplotlib", "click", "rich", "scipy", "blocks", "interactions", "lpsnet",
)  # fmt: skip

# As `python -m microbench.measure ARGUMENTS`, in an interpreter that cannot import what a device lacks.
WITHOUT_TORCH = f"""
import runpy, sys

ABSENT = {ABSENT!r}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Absent())
try:
    runpy.run_module("microbench.measure", run_name="__main__", alter_sys=True)
finally:
    import microbench
    print("imported from", microbench.__file__, file=sys.stderr)
    print("leaked", sorted(set(ABSENT) & set(sys.modules)), file=sys.stderr)
"""

HASTY = ("--runtime", "onnxruntime", "--ci", "0.9", "--budget", "0.05")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    writer = BundleWriter(folder)
    axes = Axes(blocks=(BlockChoice("conv3x3"),), widths=(4, 5), in_width=3, resolutions=((8, 8),))
    for spec in axes_to_specs("sweep", axes):
        writer.add(spec, spec.build(), whole_network=False)
    writer.finish()
    return folder


@pytest.fixture
def device(bundle: Path, tmp_path: Path) -> Path:
    """The bundle's folder as it was copied to a device."""
    return Path(shutil.copytree(bundle, tmp_path / "device", ignore=shutil.ignore_patterns("__pycache__")))


def measure(device: Path, *arguments: str, python: str | None = None) -> Ended:
    command = ["-c", WITHOUT_TORCH] if python is None else ["-m", "microbench.measure"]
    environment = {"PYTHONPATH": str(device), "PYTHONDONTWRITEBYTECODE": "1"}
    return run_python(*command, *arguments, cwd=device, environment=environment, python=python or sys.executable)


def records_file(device: Path) -> Path:
    (path,) = (device / "results").glob("*/sweep.jsonl")
    return path


def bare_python() -> str:
    """A Python as a device has it."""
    python = os.environ.get("MICROBENCH_BARE_PYTHON") or shutil.which("python3.9")
    if python is None:
        pytest.skip("no Python without torch: let MICROBENCH_BARE_PYTHON name one that has numpy and onnxruntime")
    code = "import importlib.util as u, numpy, onnxruntime, sys; sys.exit(u.find_spec('torch') is not None)"
    if run_python("-c", code, python=python).code != 0:
        pytest.skip(f"{Path(python).name} lacks numpy or onnxruntime, or has torch")
    return python


def check_measured(device: Path, done: Ended) -> None:
    assert done.code == 0, done.err
    shown: dict[str, Any] = json.loads(done.out)
    rows = {row["width"]: row for row in shown["records"]}
    assert set(rows) == {4, 5}
    for width, row in rows.items():
        assert 0 < row["latency_ci_low_ms"] <= row["latency_ms"]
        assert row["macs"] == 3 * width * 9 * 64
        assert row["error"] is None
    records = read_records(records_file(device))
    assert {record.axes["width"] for record in records} == {4, 5}
    assert records_file(device).parent.name == shown["machine"]


def test_a_bundle_is_timed_without_torch_or_this_project(device: Path) -> None:
    done = measure(device, ".", *HASTY, "--json")
    check_measured(device, done)
    assert f"imported from {device / 'microbench' / '__init__.py'}" in done.err
    assert "leaked []" in done.err


def test_a_bundle_is_timed_by_a_python_that_has_no_torch(device: Path) -> None:
    check_measured(device, measure(device, ".", *HASTY, "--json", python=bare_python()))


def test_a_table_and_the_way_home_are_printed(device: Path) -> None:
    done = measure(device, ".", *HASTY, "--only", "*/3-4/*")
    assert done.code == 0, done.err
    heading, row, *_ = done.out.splitlines()
    assert "latency ms" in heading
    assert row.startswith("sweep/conv3x3/3-4/8x8")
    assert "3-5" not in done.out
    assert f"microbench import {records_file(device).parent.name}" in done.out
    assert "timing 100%" in done.err


def test_finished_rows_are_not_timed_again_and_a_torn_one_is(device: Path) -> None:
    assert measure(device, ".", *HASTY).code == 0
    path = records_file(device)
    whole = path.read_bytes()
    assert measure(device, ".", *HASTY).code == 0
    assert path.read_bytes() == whole

    path.write_bytes(whole[:-100])  # killed in the middle of the last line
    done = measure(device, ".", *HASTY)
    assert done.code == 0
    assert "dropped its torn last line" in done.err
    kept, renewed = path.read_bytes().splitlines()
    assert kept == whole.splitlines()[0]
    assert renewed != whole.splitlines()[1]
    assert len(read_records(path)) == 2


BAD_INPUT = [
    (["nowhere"], "'nowhere' has no manifest.json"),
    ([".", "--runtime", "torch-eager"], "runtime 'torch-eager' runs torch modules, of which a bundle has none"),
    ([".", "--runtime", "caffe"], "runtime 'caffe' is unknown"),
    ([".", "--precision", "fp8"], "fp8"),
    ([".", "--only", "figure9/*"], "it holds 'sweep/*'"),
    ([".", "--ci", "2"], "ci must lie between 0 and 1"),
    ([".", "--threads", "few"], "--threads"),
    ([".", "--colour"], "--colour"),
    ([], "bundle"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT, ids=[" ".join(arguments) for arguments, _ in BAD_INPUT])
def test_bad_input_is_one_sentence_and_exit_code_2(
    device: Path,
    arguments: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from microbench.bundle.command import main

    monkeypatch.chdir(device)
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("microbench.measure: ")
    assert sentence.count("\n") == 1
    assert named in sentence
    assert not (device / "results").exists()


def test_a_damaged_bundle_ends_in_one_sentence_and_exit_code_2(device: Path) -> None:
    model = next((device / "models").iterdir())
    model.write_bytes(model.read_bytes()[:-1])
    done = measure(device, ".", *HASTY)
    assert done.code == 2
    assert f"'models/{model.name}' is not as it was written" in done.err
    assert "Traceback" not in done.err
