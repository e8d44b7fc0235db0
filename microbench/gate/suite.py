"""The models of a calibration for which the user names none."""

from __future__ import annotations

import sys
from pathlib import Path

from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.workload import WorkloadSpec

_BLOCKS = ("conv3x3", "sepconv3x3", "bottleneck")
_WIDTH = 16
_RESOLUTION = (16, 16)
"""Small enough for fifty runs or more in a window of 2 ms: a slowdown of 2% is one more run in fifty."""


def suite() -> dict[str, WorkloadSpec]:
    """The workloads by the names of their blocks."""
    axes = Axes(tuple(BlockChoice(name) for name in _BLOCKS), (_WIDTH,), resolutions=(_RESOLUTION,))
    return dict(zip(_BLOCKS, axes_to_specs("calibration", axes), strict=True))


def write_suite(folder: Path) -> None:
    """Write the models to `folder` as ONNX files, named by their blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, spec in suite().items():
        (folder / f"{name}.onnx").write_bytes(spec.build().onnx_model)


if __name__ == "__main__":
    write_suite(Path(sys.argv[1]))
