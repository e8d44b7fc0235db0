"""How each version of TensorRT is told its precision.

Before version 11 a float32 network and a builder flag allow the builder to compute in less; int8 ranges come from a
calibrator. From 11 on networks are strongly typed: what is computed in half is half in the ONNX model, and int8 comes
from its QuantizeLinear/DequantizeLinear pairs. Only TF32 is a flag in all of them, and on unless it is cleared.

In either, a network of half precision also takes and gives half: with float32 at its ends a block's time would be
mostly that of casts, and a flag would leave the builder free to compute the block in float32 after all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from microbench.measure.workload import Workload
from microbench.runtimes.forms import BFLOAT16, HALF, QUANTIZED_SYMMETRIC, model_in
from microbench.runtimes.tensorrt.errors import EngineError

_FLAGS = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}
_HALF_TYPES = {"fp16": "HALF", "bf16": "BF16"}
_HALF_FORMS = {"fp16": HALF, "bf16": BFLOAT16}


@dataclass(frozen=True)
class Recipe:
    """What the builder is given."""

    onnx_model: bytes
    flag: Optional[str] = None
    """Name of the builder flag to set besides TF32."""
    calibrated: bool = False
    """Whether the builder reads the activations' ranges off a calibrator."""
    half_type: Optional[str] = None
    """Name of the data type of floating-point inputs and outputs, where that is not FLOAT."""


def recipe(trt: Any, workload: Workload, precision: str) -> Recipe:
    """How this version of TensorRT computes the workload in `precision`.

    Raises:
        EngineError: it cannot.
    """
    if precision in ("fp32", "tf32"):
        return Recipe(workload.onnx_model)
    if precision == "int8" and not hasattr(trt, "IInt8EntropyCalibrator2"):
        return Recipe(model_in(workload, QUANTIZED_SYMMETRIC))
    half_type = _HALF_TYPES.get(precision)
    if hasattr(trt.BuilderFlag, _FLAGS[precision]):
        return Recipe(workload.onnx_model, _FLAGS[precision], calibrated=precision == "int8", half_type=half_type)
    if half_type is not None and not hasattr(trt.BuilderFlag, "FP16"):  # strongly typed
        return Recipe(model_in(workload, _HALF_FORMS[precision]), half_type=half_type)
    raise EngineError(f"TensorRT {trt.__version__} has no {precision} for a float32 model")
