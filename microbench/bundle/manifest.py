"""The manifest of a bundle: which workloads it holds, in which files, and what those files must be."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from microbench.measure.workload import Axis, Cost

FILE_NAME = "manifest.json"

SCHEMA = 2
"""Raised when the manifest or a file that it names changes its meaning."""

FLOAT32 = "float32"
"""The form of a model that has no other name; for the others see `microbench.runtimes.forms`."""

_SAFE_PATH = re.compile(r"(?!.*\.\.)[\w.-]+(/[\w.-]+)*")
_PLAIN_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class StoredModel:
    """A serialised ONNX model in one of its forms."""

    template: str
    """The file with the model or, compressed by zlib, with what is left of it without its drawn weights."""
    holes: Optional[str]
    """The file that says what to draw and where (see `microbench.bundle.template`), if anything is."""
    sha256: str
    """Of the whole model, in hexadecimal digits."""


@dataclass(frozen=True)
class StoredArray:
    """An input, or an output to compare with."""

    shape: tuple[int, ...]
    file: Optional[str]
    """An .npy file; None where an input is drawn."""
    seed: Optional[int] = None
    """Of the drawn values or, of an output of which the file has but some, of the places where these lie."""


@dataclass(frozen=True)
class Entry:
    """One workload; its files are named by their paths inside the bundle."""

    experiment: str
    name: str
    axes: Mapping[str, Axis]
    whole_network: bool
    """Whether a run takes a tenth of a second rather than a thousandth; it is timed accordingly."""
    cost: Cost
    models: Mapping[str, StoredModel]
    """By form; `FLOAT32` is always there."""
    inputs: Mapping[str, StoredArray]
    """By input name."""
    reference: tuple[StoredArray, ...]
    """For each output."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that the workload is made of."""
        parts = [part for model in self.models.values() for part in (model.template, model.holes)]
        parts += [array.file for array in (*self.inputs.values(), *self.reference)]
        return tuple(part for part in parts if part is not None)


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds."""

    version: str
    """Of the program that wrote it, for people."""
    entries: tuple[Entry, ...]
    sha256: Mapping[str, str]
    """In hexadecimal digits, by path inside the bundle, of every file but the manifest."""


def to_json(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain JSON values."""
    return {"schema": SCHEMA, **dataclasses.asdict(manifest)}


def from_json(document: Mapping[str, Any]) -> Manifest:
    """The manifest that `to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the document is not a manifest of this schema.
    """
    fields = dict(document)
    schema = fields.pop("schema")
    if schema == 1:
        fields["entries"] = [_second_schema(entry, fields["sha256"]) for entry in fields["entries"]]
    elif schema != SCHEMA:
        raise ValueError(f"schema {schema!r} is not {SCHEMA}")
    fields["entries"] = tuple(_entry_from_json(entry) for entry in fields["entries"])
    manifest = Manifest(**fields)
    for path in manifest.sha256:
        if not _SAFE_PATH.fullmatch(path):
            raise ValueError(f"path {path!r} leads out of the bundle")
    for entry in manifest.entries:
        for path in entry.files:
            if path not in manifest.sha256:
                raise ValueError(f"file {path!r} has no SHA-256")
    return manifest


def _entry_from_json(document: Mapping[str, Any]) -> Entry:
    fields = dict(document)
    if not _PLAIN_NAME.fullmatch(fields["experiment"]):
        raise ValueError(f"experiment {fields['experiment']!r} is no plain name")
    fields["axes"] = dict(fields["axes"])
    fields["cost"] = Cost(**fields["cost"])
    fields["models"] = {form: StoredModel(**model) for form, model in fields["models"].items()}
    fields["inputs"] = {name: _array_from_json(array) for name, array in fields["inputs"].items()}
    fields["reference"] = tuple(_array_from_json(array) for array in fields["reference"])
    if FLOAT32 not in fields["models"]:
        raise ValueError(f"workload {fields['name']!r} has no {FLOAT32} model")
    return Entry(**fields)


def _second_schema(entry: Mapping[str, Any], sha256: Mapping[str, str]) -> dict[str, Any]:
    """An entry of the first schema, in which everything is stored, as the second has it: for gates on older bundles."""
    fields = dict(entry)
    model = fields.pop("model")
    fields["models"] = {FLOAT32: {"template": model, "holes": None, "sha256": sha256[model]}}
    fields["inputs"] = {name: {"shape": (), "file": path} for name, path in fields["inputs"].items()}
    fields["reference"] = [{"shape": (), "file": path} for path in fields["reference"]]
    return fields


def _array_from_json(document: Mapping[str, Any]) -> StoredArray:
    return StoredArray(**{**document, "shape": tuple(document["shape"])})
