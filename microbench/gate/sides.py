"""The two sides of a gate: a folder of models, a bundle, or a revision that is exported first."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from microbench.bundle.manifest import FILE_NAME
from microbench.bundle.reader import open_bundle
from microbench.errors import InputError
from microbench.gate.artefact import Artefact, Shapes, read_artefact
from microbench.gate.revision import Exporter


@dataclass(frozen=True)
class Side:
    """The models of one side by the workload's name, and those that cannot be used, each with its reason."""

    label: str
    """What the user called it; of a revision with its commit."""
    models: Mapping[str, Artefact]
    refused: Mapping[str, str]


def open_side(role: str, text: str, workspace: Path, exporter: Exporter, shapes: Shapes) -> Side:
    """Find out what `text` names, and read its models.

    Args:
        role: "base" or "head", for what is said of it.
        text: a folder of .onnx files, a bundle's folder or archive, or a git revision; what is there as a file or
            folder is taken for that.
        workspace: a folder for what is unpacked and exported; it must outlive the side.
        exporter: builds a revision's models.
        shapes: of inputs whose dimensions are open.

    Raises:
        InputError: it is none of these, a revision does not build, a bundle is damaged, or there is no model in it.
    """
    path, label = Path(text), text
    if not path.exists():
        path = workspace / role
        label = exporter.export(role, text, path)
    elif path.is_file():
        path = _unpack(role, path, workspace / role)
    files = _model_files(role, text, path)
    models, refused = {}, {}
    for name, file in files.items():
        try:
            models[name] = read_artefact(file, shapes)
        except InputError as error:
            refused[name] = str(error)
    return Side(label, models, refused)


def _model_files(role: str, text: str, folder: Path) -> dict[str, Path]:
    if (folder / FILE_NAME).exists():
        bundle = open_bundle(folder)
        files = {f"{entry.experiment}/{entry.name}": bundle.folder / entry.model for entry in bundle.manifest.entries}
    else:
        files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.onnx"))}
    if not files:
        raise InputError(f"{role} {text!r} has no .onnx file in it, and is no bundle either.")
    return files


def _unpack(role: str, archive: Path, folder: Path) -> Path:
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise InputError(
            f"{role} {str(archive)!r} must be a folder of .onnx files, a bundle's folder or .tar.gz, or a git revision."
        ) from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
