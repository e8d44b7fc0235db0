"""int8 calibration on versions that have it: the builder runs the network on given inputs and notes the ranges."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

Batch = Mapping[str, NDArray[np.float32]]


def make_calibrator(trt: Any, device: Any, batches: Sequence[Batch]) -> Any:
    """An entropy calibrator (TensorRT's default for convolutional networks) over `batches`, each a whole input.

    Args:
        trt: the tensorrt module, with IInt8EntropyCalibrator2.
        device: a `PycudaDevice`.
        batches: inputs by name, at least one.
    """
    stream = device.stream()
    staged = {name: device.page_locked(value.shape, value.dtype) for name, value in batches[0].items()}
    memory = {name: device.allocate(value.nbytes) for name, value in batches[0].items()}

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._batches = iter(batches)

        def get_batch_size(self) -> int:
            return int(next(iter(staged.values())).shape[0])

        def get_batch(self, names: Sequence[str]) -> Optional[list[int]]:
            batch = next(self._batches, None)
            if batch is None:
                return None
            for name in names:
                staged[name][...] = batch[name]
                stream.copy_to_device(memory[name], staged[name])
            stream.synchronize()
            return [int(memory[name]) for name in names]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            """Not kept: the engine is."""

    return Calibrator()
