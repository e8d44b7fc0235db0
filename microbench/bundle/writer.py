"""Write a bundle."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

import microbench
from microbench.bundle.draws import PLACES, draw_places
from microbench.bundle.manifest import FILE_NAME, FLOAT32, Entry, Manifest, StoredArray, StoredModel, to_json
from microbench.bundle.template import Hole, cut, holes_to_json
from microbench.errors import InputError
from microbench.measure.workload import Workload, WorkloadSpec

INSTRUMENT = (
    "__init__.py", "crash.py", "errors.py", "plugins.py", "registry.py", "measure", "runtimes", "runs", "bundle",
)  # fmt: skip
"""The part of the package `microbench` that times a bundle where nothing else of this project is installed."""

_DIGITS_IN_NAMES = 16
_PLACES_SEED = 3


@dataclass(frozen=True)
class Drawing:
    """What of a workload is drawn on the device instead of being stored."""

    holes: Mapping[str, Sequence[Hole]]
    """In the model, by its form; see `microbench.bundle.manifest.FLOAT32`."""
    input_seeds: Mapping[str, int]
    """By input name: the input is `microbench.bundle.draws.draw_input` of it."""


NOTHING_DRAWN = Drawing({}, {})


class BundleWriter:
    """A bundle under construction: add workloads, then finish.

    Models and arrays are named after their content, so that what several workloads share (an image of 25 MB, say) is
    there once.
    """

    def __init__(self, folder: Path) -> None:
        """Create `folder`.

        Raises:
            InputError: it is there already and not empty, or cannot be written.
        """
        self._folder = folder
        self._entries: list[Entry] = []
        self._sha256: dict[str, str] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            occupied = any(folder.iterdir())
        except OSError as error:
            raise InputError(f"bundle folder {str(folder)!r} cannot be written: {error.strerror}.") from error
        if occupied:
            raise InputError(f"bundle folder {str(folder)!r} is not empty; name a new one.")

    def add(
        self, spec: WorkloadSpec, workload: Workload, *, whole_network: bool, drawing: Drawing = NOTHING_DRAWN
    ) -> None:
        """Store one workload, in the forms that it brings, but for what is drawn.

        Raises:
            InputError: the disk refuses it.
        """
        models = {FLOAT32: workload.onnx_model, **workload.forms}
        self._entries.append(
            Entry(
                experiment=spec.experiment,
                name=spec.name,
                axes=spec.axes,
                whole_network=whole_network,
                cost=workload.cost,
                models={form: self._keep_model(model, drawing.holes.get(form, ())) for form, model in models.items()},
                inputs={
                    name: self._keep_input(values, drawing.input_seeds.get(name))
                    for name, values in workload.inputs.items()
                },
                reference=tuple(
                    self._keep_reference(values, drawn=workload.random_weights) for values in workload.reference
                ),
            )
        )

    def finish(self) -> Manifest:
        """Add the instrument and, last, the manifest: without it a folder is no bundle.

        Raises:
            InputError: the disk refuses it.
        """
        for path, content in _instrument():
            self._write(path, content)
        manifest = Manifest(microbench.__version__, tuple(self._entries), self._sha256)
        self._put(FILE_NAME, (json.dumps(to_json(manifest), indent=1, allow_nan=False) + "\n").encode())
        return manifest

    def _keep_model(self, model: bytes, holes: Sequence[Hole]) -> StoredModel:
        digest = hashlib.sha256(model).hexdigest()
        if not holes:
            return StoredModel(self._keep("models", ".onnx", model), None, digest)
        described = json.dumps(holes_to_json(holes), separators=(",", ":")).encode()
        template = self._keep("models", ".part", zlib.compress(cut(model, holes), 9))
        return StoredModel(template, self._keep("models", ".json", described), digest)

    def _keep_input(self, values: NDArray[Any], seed: Optional[int]) -> StoredArray:
        return StoredArray(values.shape, self._keep_array(values) if seed is None else None, seed)

    def _keep_reference(self, values: NDArray[Any], *, drawn: bool) -> StoredArray:
        if not drawn or values.size <= PLACES:
            return StoredArray(values.shape, self._keep_array(values))
        places = draw_places(_PLACES_SEED, values.size, PLACES)
        return StoredArray(values.shape, self._keep_array(values.ravel()[places]), _PLACES_SEED)

    def _keep_array(self, values: NDArray[Any]) -> str:
        content = io.BytesIO()
        np.save(content, values, allow_pickle=False)
        return self._keep("arrays", ".npy", content.getvalue())

    def _keep(self, folder: str, suffix: str, content: bytes) -> str:
        path = f"{folder}/{hashlib.sha256(content).hexdigest()[:_DIGITS_IN_NAMES]}{suffix}"
        if path not in self._sha256:
            self._write(path, content)
        return path

    def _write(self, path: str, content: bytes) -> None:
        self._put(path, content)
        self._sha256[path] = hashlib.sha256(content).hexdigest()

    def _put(self, path: str, content: bytes) -> None:
        target = self._folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise InputError(f"bundle file {str(target)!r} cannot be written: {error.strerror}.") from error


def _instrument() -> Iterator[tuple[str, bytes]]:
    package = Path(microbench.__file__).parent
    for name in INSTRUMENT:
        for path in sorted((package / name).rglob("*.py")) or [package / name]:
            yield path.relative_to(package.parent).as_posix(), path.read_bytes()
