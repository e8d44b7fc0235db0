"""int8 for the runtimes that read quantised ONNX (Q/DQ): static, calibrated on what the workload brings."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
from pathlib import Path
from typing import Any, Iterator, Optional

from microbench.measure.workload import Workload


@functools.lru_cache(maxsize=256)
def to_int8(workload: Workload, *, symmetric: bool = False) -> bytes:
    """Quantise weights by channel and activations by tensor, by ONNX Runtime's own tool (package onnx needed).

    Args:
        workload: its float32 model is quantised; the activations' ranges are read off its calibration inputs,
            or off its inputs where it has none.
        symmetric: activations too as signed values about zero, and biases left in float32: what TensorRT reads.

    Returns:
        The serialised model with QuantizeLinear/DequantizeLinear pairs.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class _Calibration(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches = iter([dict(inputs) for inputs in workload.calibration or (workload.inputs,)])

        def get_next(self) -> Optional[dict[str, Any]]:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        quantised = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_from_string(workload.onnx_model),
            quantised,
            _Calibration(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric, "QuantizeBias": not symmetric},
        )
        return quantised.read_bytes()


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """The tool advises at every call to fold and infer shapes first, which the export has done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
