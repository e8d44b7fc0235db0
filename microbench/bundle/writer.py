"""Write a bundle."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any, Iterator

import numpy as np
from numpy.typing import NDArray

import microbench
from microbench.bundle.manifest import FILE_NAME, Entry, Manifest, to_json
from microbench.errors import InputError
from microbench.measure.workload import Workload, WorkloadSpec

INSTRUMENT = (
    "__init__.py", "crash.py", "errors.py", "plugins.py", "registry.py", "measure", "runtimes", "runs", "bundle",
)  # fmt: skip
"""The part of the package `microbench` that times a bundle where nothing else of this project is installed."""

_DIGITS_IN_NAMES = 16


class BundleWriter:
    """A bundle under construction: add workloads, then finish.

    Models and arrays are named after their content, so that what several workloads share (an image of 25 MB, say) is
    there once. Inputs are stored, not drawn again from a seed, as NumPy may change what a seed gives.
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

    def add(self, spec: WorkloadSpec, workload: Workload, *, whole_network: bool) -> None:
        """Store one workload.

        Raises:
            InputError: the disk refuses it.
        """
        self._entries.append(
            Entry(
                experiment=spec.experiment,
                name=spec.name,
                axes=spec.axes,
                whole_network=whole_network,
                cost=workload.cost,
                model=self._keep("models", ".onnx", workload.onnx_model),
                inputs={name: self._keep_array(value) for name, value in workload.inputs.items()},
                reference=tuple(self._keep_array(value) for value in workload.reference),
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
