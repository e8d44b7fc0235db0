"""How each version of TensorRT is told its precision.

Before version 11 a float32 network and a builder flag allow the builder to compute in less; int8 ranges come from a
calibrator. From 11 on networks are strongly typed: what is computed in half is half in the ONNX model, and int8 comes
from its QuantizeLinear/DequantizeLinear pairs. Only TF32 is a flag in all of them, and on unless it is cleared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from microbench.measure.workload import Workload
from microbench.runtimes.quantize import to_int8
from microbench.runtimes.tensorrt.errors import EngineError

_FLAGS = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}


@dataclass(frozen=True)
class Recipe:
    """What the builder is given."""

    onnx_model: bytes
    flag: Optional[str]
    """Name of the builder flag to set besides TF32."""
    calibrated: bool
    """Whether the builder reads the activations' ranges off a calibrator."""


def recipe(trt: Any, workload: Workload, precision: str) -> Recipe:
    """How this version of TensorRT computes the workload in `precision`.

    Raises:
        EngineError: it cannot.
    """
    if precision in ("fp32", "tf32"):
        return Recipe(workload.onnx_model, None, calibrated=False)
    if precision == "int8" and not hasattr(trt, "IInt8EntropyCalibrator2"):
        return Recipe(to_int8(workload, symmetric=True), None, calibrated=False)
    if hasattr(trt.BuilderFlag, _FLAGS[precision]):
        return Recipe(workload.onnx_model, _FLAGS[precision], calibrated=precision == "int8")
    if precision == "fp16":
        return Recipe(to_half(workload.onnx_model), None, calibrated=False)
    raise EngineError(f"TensorRT {trt.__version__} has no {precision} for a float32 model")


def to_half(onnx_model: bytes) -> bytes:
    """The model in float16 between float32 inputs and outputs.

    By ONNX Runtime's copy of the onnxconverter-common pass: it is installed already, and knows that a Resize keeps its
    scales in float32. Its list of operators that ONNX Runtime has no float16 kernels for does not concern TensorRT.

    Args:
        onnx_model: serialised, float32.
    """
    import onnx
    from onnxruntime.transformers.onnx_model import OnnxModel

    converted = OnnxModel(onnx.load_from_string(onnx_model))
    converted.convert_float_to_float16(use_symbolic_shape_infer=False, keep_io_types=True, op_block_list=[])
    converted.topological_sort()  # the pass puts its casts at the end
    serialised: bytes = converted.model.SerializeToString()
    return serialised
