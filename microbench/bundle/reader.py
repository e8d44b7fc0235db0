"""Read a bundle: nothing of it is timed before all of it is found whole."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.bundle.manifest import FILE_NAME, Entry, Manifest, from_json
from microbench.errors import InputError
from microbench.measure.workload import Workload, WorkloadSpec

_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are all there and as they were written."""

    folder: Path
    manifest: Manifest

    def spec(self, entry: Entry) -> WorkloadSpec:
        """The workload of one of the manifest's entries, read when it is built."""
        return WorkloadSpec(entry.experiment, entry.name, functools.partial(self._read, entry), entry.axes)

    def _read(self, entry: Entry) -> Workload:
        return Workload(
            name=entry.name,
            onnx_model=(self.folder / entry.model).read_bytes(),
            inputs={name: self._array(path) for name, path in entry.inputs.items()},
            reference=tuple(self._array(path) for path in entry.reference),
            cost=entry.cost,
        )

    def _array(self, path: str) -> NDArray[Any]:
        # Mapped, so that an image that all rows share takes the memory of one.
        values: NDArray[Any] = np.load(self.folder / path, mmap_mode="r", allow_pickle=False)
        return values


def open_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`.

    Raises:
        InputError: the folder is not a bundle, not one of this version, or a file of it is missing or has changed.
    """
    try:
        manifest = from_json(json.loads((folder / FILE_NAME).read_bytes()))
    except OSError as error:
        raise InputError(
            f"bundle {str(folder)!r} has no {FILE_NAME} that can be read ({error.strerror}); "
            "give a folder that `microbench bundle` wrote."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"bundle {str(folder)!r} has a {FILE_NAME} that this version cannot read ({error}); write or copy it again."
        ) from error
    for path, expected in manifest.sha256.items():
        if _sha256(folder, path) != expected:
            raise InputError(f"bundle {str(folder)!r}: file {path!r} is not as it was written; copy the bundle again.")
    return Bundle(folder, manifest)


def _sha256(folder: Path, path: str) -> str:
    digest = hashlib.sha256()
    try:
        with (folder / path).open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InputError(
            f"bundle {str(folder)!r}: file {path!r} cannot be read ({error.strerror}); copy the bundle again."
        ) from error
    return digest.hexdigest()
