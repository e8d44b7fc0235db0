"""The manifest of a bundle: which workloads it holds, in which files, and what those files must be."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Mapping

from microbench.measure.workload import Axis, Cost

FILE_NAME = "manifest.json"

SCHEMA = 1
"""Raised when the manifest or a file that it names changes its meaning."""

_SAFE_PATH = re.compile(r"(?!.*\.\.)[\w.-]+(/[\w.-]+)*")


@dataclass(frozen=True)
class Entry:
    """One workload; its files are named by their paths inside the bundle."""

    experiment: str
    name: str
    axes: Mapping[str, Axis]
    whole_network: bool
    """Whether a run takes a tenth of a second rather than a thousandth; it is timed accordingly."""
    cost: Cost
    model: str
    """An ONNX file."""
    inputs: Mapping[str, str]
    """An .npy file by input name."""
    reference: tuple[str, ...]
    """An .npy file for each output."""

    @property
    def files(self) -> tuple[str, ...]:
        """All that the workload is made of."""
        return (self.model, *self.inputs.values(), *self.reference)


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
    if fields.pop("schema") != SCHEMA:
        raise ValueError(f"schema {document['schema']!r} is not {SCHEMA}")
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
    fields["axes"] = dict(fields["axes"])
    fields["cost"] = Cost(**fields["cost"])
    fields["inputs"] = dict(fields["inputs"])
    fields["reference"] = tuple(fields["reference"])
    return Entry(**fields)
