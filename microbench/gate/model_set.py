"""The models of one side of a gate: from a folder, a bundle, or a git revision that is exported first."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from microbench.bundle.manifest import FILE_NAME
from microbench.bundle.reader import open_bundle
from microbench.errors import InputError
from microbench.gate.inputs import GivenInput
from microbench.gate.onnx_file import OnnxFile, read_onnx_file
from microbench.gate.revision import RevisionExporter


@dataclass(frozen=True)
class ModelSet:
    """The models of one side."""

    label: str
    """As the user named the side; a revision with its commit."""
    models: Mapping[str, OnnxFile]
    """By the workload's name: the file's path in its folder, without ".onnx"."""
    refused: Mapping[str, str]
    """Models that cannot be used, each with the reason."""

    @property
    def names(self) -> set[str]:
        """Of all workloads, usable or not."""
        return {*self.models, *self.refused}

    def only(self, patterns: Sequence[str]) -> ModelSet:
        """The workloads whose names match one of the patterns (`*`, `?` and `[...]` as in a shell), or all for none."""
        if not patterns:
            return self

        def matches(name: str) -> bool:
            return any(fnmatchcase(name, pattern) for pattern in patterns)

        return replace(
            self,
            models={name: model for name, model in self.models.items() if matches(name)},
            refused={name: reason for name, reason in self.refused.items() if matches(name)},
        )


def open_models(
    role: str, text: str, workspace: Path, exporter: RevisionExporter, given: Mapping[str, GivenInput]
) -> ModelSet:
    """Find out what `text` names, and read its models.

    Args:
        role: "base" or "head", for messages.
        text: a folder of .onnx files, a bundle's folder or archive, or a git revision. A file or folder of this name
            takes precedence over a revision.
        workspace: a folder for what is unpacked and exported; it must outlive the models.
        exporter: builds a revision's models.
        given: shapes of inputs whose dimensions are open, and ranges of integers.

    Raises:
        InputError: it is none of these, a revision does not build, a bundle is damaged, or there is no model in it.
    """
    path, label = Path(text), text
    if not _exists(path):
        path = workspace / role
        label = exporter.export(role, text, path)
    elif not path.is_dir():
        path = _unpack(role, path, workspace / role)
    models, refused = {}, {}
    for index, (name, file) in enumerate(_model_files(role, text, path, workspace).items()):
        try:
            models[name] = read_onnx_file(file, given, workspace / f"{role}-self-contained" / f"{index}.onnx")
        except InputError as error:
            refused[name] = str(error)
    return ModelSet(_printable(label), models, refused)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # its name is too long for a file
        return False


def _model_files(role: str, text: str, folder: Path, workspace: Path) -> dict[str, Path]:
    if (folder / FILE_NAME).exists():
        bundle = open_bundle(folder)
        files = {}
        for index, entry in enumerate(bundle.manifest.entries):
            path = workspace / f"{role}-bundled" / f"{index}.onnx"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(bundle.onnx_model(entry))
            files[f"{entry.experiment}/{entry.name}"] = path
    else:
        paths = sorted(path for path in folder.rglob("*.onnx") if path.is_file())
        files = {_printable(path.relative_to(folder).with_suffix("").as_posix()): path for path in paths}
    if not files:
        raise InputError(f"{role} {text!r} has no .onnx file in it, and is no bundle either.")
    return files


def _printable(name: str) -> str:
    """The name with bytes that are not UTF-8, and characters that do not print, escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _unpack(role: str, archive: Path, folder: Path) -> Path:
    try:
        if not archive.is_file():
            raise tarfile.TarError("not a regular file")
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(
            f"{role} {str(archive)!r} must be a folder of .onnx files, a bundle's folder or .tar.gz, or a git revision."
        ) from error
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
