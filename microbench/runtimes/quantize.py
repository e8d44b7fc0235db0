"""int8 for the runtimes that read quantised ONNX (Q/DQ): static, calibrated on what the workload brings."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import Any, Collection, Iterator, Optional

from microbench.measure.workload import Workload


def to_int8(workload: Workload, *, symmetric: bool = False, reduced: bool = False) -> bytes:
    """Quantise weights by channel and activations by tensor, by ONNX Runtime's own tool (package onnx needed).

    Args:
        workload: its float32 model is quantised; the activations' ranges are read off its calibration inputs,
            or off its inputs where it has none.
        symmetric: activations too as signed values about zero, and biases left in float32: what TensorRT reads.
        reduced: weights of 7 bits, for a processor that `saturates_int8`.

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
            reduce_range=reduced,
            activation_type=QuantType.QInt8 if symmetric else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": symmetric, "QuantizeBias": not symmetric},
        )
        return quantised.read_bytes()


def saturates_int8(machine: str, cpu_flags: Collection[str]) -> bool:
    """Whether sums of two products of unsigned and signed bytes are cut off at 16 bits, as on x86 without VNNI.

    Outputs are then wrong unless weights keep to 7 bits, for which 255 * 64 * 2 still fits
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and why do I need to try
    U8U8?"). Where a system does not list the processor's extensions, it is taken to have none.

    >>> saturates_int8("x86_64", ["avx2", "fma"]), saturates_int8("x86_64", ["avx2", "avx_vnni"])
    (True, False)
    """
    x86 = machine.lower() in ("x86_64", "amd64", "i386", "i686", "x86")
    return x86 and not {"avx512_vnni", "avx_vnni"}.intersection(cpu_flags)


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """The tool advises at every call to fold and infer shapes first, which the export has done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
