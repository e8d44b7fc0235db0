"""What is written into a bundle is what is read, and a bundle that is not whole is refused in one sentence."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microbench.bundle.reader import open_bundle
from microbench.bundle.writer import BundleWriter
from microbench.errors import InputError
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.workload import WorkloadSpec


@pytest.fixture(scope="module")
def specs() -> Sequence[WorkloadSpec]:
    """Both have three input channels, so that they share one input."""
    axes = Axes(blocks=(BlockChoice("conv3x3"),), widths=(4, 5), in_width=3, resolutions=((8, 8),))
    return axes_to_specs("sweep", axes)


@pytest.fixture(scope="module")
def bundle(specs: Sequence[WorkloadSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "tiny"
    writer = BundleWriter(folder)
    for spec in specs:
        writer.add(spec, spec.build(), whole_network=False)
    writer.finish()
    return folder


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copied"))


def test_workloads_come_back_as_they_were(bundle: Path, specs: Sequence[WorkloadSpec]) -> None:
    opened = open_bundle(bundle)
    stored = [opened.spec(entry) for entry in opened.manifest.entries]
    assert stored == list(specs)
    for spec, original in zip(stored, specs, strict=True):
        assert spec.axes == original.axes
        found, built = spec.build(), original.build()
        assert (found.name, found.onnx_model, found.cost) == (built.name, built.onnx_model, built.cost)
        assert found.module is None
        assert found.inputs.keys() == built.inputs.keys()
        for name, values in built.inputs.items():
            np.testing.assert_array_equal(found.inputs[name], values)
            assert found.inputs[name].dtype == np.float32
        for output, reference in zip(found.reference, built.reference, strict=True):
            np.testing.assert_array_equal(output, reference)


def test_what_rows_share_is_stored_once(bundle: Path) -> None:
    first, second = open_bundle(bundle).manifest.entries
    assert first.inputs == second.inputs
    assert first.models != second.models
    # One input and two outputs.
    assert len(list((bundle / "arrays").iterdir())) == 3


def test_the_manifest_has_the_sha_256_of_every_other_file(bundle: Path) -> None:
    digests = json.loads((bundle / "manifest.json").read_text())["sha256"]
    there = {
        path.relative_to(bundle).as_posix()
        for path in bundle.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(digests) == there - {"manifest.json"}
    for path, digest in digests.items():
        assert hashlib.sha256((bundle / path).read_bytes()).hexdigest() == digest


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    change(document)
    (folder / "manifest.json").write_text(json.dumps(document))


def a_file(folder: Path, subfolder: str) -> Path:
    return sorted((folder / subfolder).iterdir())[0]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def leave_the_bundle(document: dict[str, Any]) -> None:
    document["sha256"]["../outside"] = "0"


def name_another_model(document: dict[str, Any]) -> None:
    document["entries"][0]["models"]["float32"]["template"] = "models/other.onnx"


def keep_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit of a model": (lambda f: flip_a_bit(a_file(f, "models")), "is not as it was written"),
    "half of an array": (lambda f: keep_half(a_file(f, "arrays")), "is not as it was written"),
    "a line of the instrument": (
        lambda f: (f / "microbench" / "registry.py").write_text("pass\n"),
        "'microbench/registry.py' is not as it was written",
    ),
    "no model": (lambda f: a_file(f, "models").unlink(), "cannot be read"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "has no manifest.json"),
    "half of the manifest": (lambda f: keep_half(f / "manifest.json"), "has a manifest.json that this version"),
    "another schema": (
        lambda f: change_manifest(f, lambda document: document.update(schema=99)),
        "schema 99 is not 2",
    ),
    "no schema": (lambda f: change_manifest(f, lambda document: document.pop("schema")), "manifest.json"),
    "a list": (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json"),
    "a path outside": (
        lambda f: change_manifest(f, leave_the_bundle),
        "leads out of the bundle",
    ),
    "an entry without its file": (
        lambda f: change_manifest(f, name_another_model),
        "'models/other.onnx' has no SHA-256",
    ),
    "an entry without its model": (
        lambda f: change_manifest(f, lambda document: document["entries"][0].update(models={})),
        "has no float32 model",
    ),
    "an experiment that leads out": (
        lambda f: change_manifest(f, lambda document: document["entries"][0].update(experiment="../../x")),
        "experiment '../../x' is no plain name",
    ),
    "an entry without its cost": (
        lambda f: change_manifest(f, lambda document: document["entries"][0].pop("cost")),
        "manifest.json",
    ),
}


@pytest.mark.parametrize(("damage", "sentence"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_bundle_that_is_not_whole_is_refused(copied: Path, damage: Callable[[Path], object], sentence: str) -> None:
    open_bundle(copied)
    damage(copied)
    with pytest.raises(InputError, match=sentence) as refusal:
        open_bundle(copied)
    assert str(refusal.value).startswith("bundle ")
    assert "\n" not in str(refusal.value)


def test_a_bundle_that_was_not_finished_is_none(specs: Sequence[WorkloadSpec], tmp_path: Path) -> None:
    BundleWriter(tmp_path / "begun").add(specs[0], specs[0].build(), whole_network=False)
    with pytest.raises(InputError, match=r"has no manifest\.json"):
        open_bundle(tmp_path / "begun")


def test_a_folder_with_something_in_it_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        BundleWriter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_bundle_of_the_first_schema_is_still_read(copied: Path, specs: Sequence[WorkloadSpec]) -> None:
    def first_schema(document: dict[str, Any]) -> None:
        document["schema"] = 1
        for entry in document["entries"]:
            entry["model"] = entry.pop("models")["float32"]["template"]
            entry["inputs"] = {name: array["file"] for name, array in entry["inputs"].items()}
            entry["reference"] = [array["file"] for array in entry["reference"]]

    change_manifest(copied, first_schema)
    opened = open_bundle(copied)
    for entry, spec in zip(opened.manifest.entries, specs, strict=True):
        found, built = opened.spec(entry).build(), spec.build()
        assert found.onnx_model == built.onnx_model
        np.testing.assert_array_equal(found.reference[0], built.reference[0])
