"""Read a bundle: nothing of it is timed before all of it is found whole."""

from __future__ import annotations

import functools
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.bundle.draws import PLACES, draw_input, draw_places
from microbench.bundle.manifest import FILE_NAME, FLOAT32, Entry, Manifest, StoredArray, StoredModel, from_json
from microbench.bundle.template import fill, holes_from_json
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

    def onnx_model(self, entry: Entry) -> bytes:
        """The serialised float32 model of one of the manifest's entries."""
        return self._model(entry.models[FLOAT32])

    def _read(self, entry: Entry) -> Workload:
        models = {form: self._model(model) for form, model in entry.models.items()}
        return Workload(
            name=entry.name,
            onnx_model=models.pop(FLOAT32),
            inputs={name: self._input(array) for name, array in entry.inputs.items()},
            reference=tuple(self._reference(array) for array in entry.reference),
            cost=entry.cost,
            forms=models,
            whole_network=entry.whole_network,
        )

    def _model(self, stored: StoredModel) -> bytes:
        model = (self.folder / stored.template).read_bytes()
        if stored.holes is not None:
            model = fill(zlib.decompress(model), holes_from_json(json.loads((self.folder / stored.holes).read_bytes())))
        if hashlib.sha256(model).hexdigest() != stored.sha256:
            raise RuntimeError("the weights drawn here are not those that the reference was computed with")
        return model

    def _input(self, stored: StoredArray) -> NDArray[Any]:
        if stored.file is None:
            assert stored.seed is not None
            return draw_input(stored.seed, stored.shape)
        return self._array(stored.file)

    def _reference(self, stored: StoredArray) -> NDArray[Any]:
        assert stored.file is not None
        values = self._array(stored.file)
        if stored.seed is None:
            return values
        size = int(np.prod(stored.shape))
        places = draw_places(stored.seed, size, PLACES)
        whole, masked = np.zeros(size, values.dtype), np.ones(size, np.bool_)
        whole[places], masked[places] = values, False
        reference: NDArray[Any] = np.ma.MaskedArray(whole, masked).reshape(stored.shape)
        return reference

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
