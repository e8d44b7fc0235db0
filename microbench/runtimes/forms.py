"""A workload's model in the forms that some runtimes read a precision off: half-typed, bfloat16-typed and quantised.

Making a form takes the packages onnx and onnxruntime. A device may have neither, so that a bundle brings the forms
along (`Workload.forms`); elsewhere they are made when they are first asked for.
"""

from __future__ import annotations

import functools
import platform
from typing import Any, Callable, Mapping

from microbench.measure.environment import fingerprint
from microbench.measure.workload import Workload
from microbench.runtimes.bfloat16 import to_bits
from microbench.runtimes.quantize import saturates_int8, to_int8

HALF = "half"
"""float16 throughout, inputs and outputs included."""
BFLOAT16 = "bfloat16"
"""bfloat16 throughout, inputs and outputs included."""
QUANTIZED = "int8"
"""QuantizeLinear/DequantizeLinear pairs as ONNX Runtime and OpenVINO read them."""
QUANTIZED_7_BITS = "int8-7-bits"
"""The same with weights of 7 bits, for a processor that `saturates_int8`."""
QUANTIZED_SYMMETRIC = "int8-symmetric"
"""Pairs about zero, with biases in float32: as TensorRT reads them."""

_BFLOAT16_OPSET = 22
"""The first of ONNX in which a convolution takes bfloat16."""


def model_in(workload: Workload, form: str) -> bytes:
    """The workload's model in one of the forms above: as it was brought along, else made now.

    Raises:
        ModuleNotFoundError: it has to be made, and onnx or onnxruntime is not installed.
    """
    brought = workload.forms.get(form)
    return _make(workload, form) if brought is None else brought


def quantized_here(workload: Workload) -> bytes:
    """The workload's model in int8 for this processor; see `model_in`."""
    saturates = saturates_int8(platform.machine(), fingerprint().cpu_flags)
    return model_in(workload, QUANTIZED_7_BITS if saturates else QUANTIZED)


@functools.lru_cache(maxsize=64)
def _make(workload: Workload, form: str) -> bytes:
    return FORMS[form](workload)


def to_half(onnx_model: bytes) -> bytes:
    """The model in float16 from its inputs to its outputs.

    By ONNX Runtime's copy of the onnxconverter-common pass: it is installed already, and knows that a Resize keeps its
    scales in float32. Its list of operators that ONNX Runtime has no float16 kernels for does not concern TensorRT.

    Args:
        onnx_model: serialised, float32.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    # Not by OnnxModel's method of the same name: it drops casts, that of a class map to float among them.
    converted = OnnxModel(convert_float_to_float16(onnx.load_from_string(onnx_model), op_block_list=[]))
    converted.topological_sort()  # the pass puts its casts at the end
    serialised: bytes = converted.model.SerializeToString()
    return serialised


def to_bfloat16(onnx_model: bytes) -> bytes:
    """The model in bfloat16 from its inputs to its outputs: what is float16 in `to_half`, in the other half type.

    Args:
        onnx_model: serialised, float32.
    """
    import onnx

    single = onnx.version_converter.convert_version(onnx.load_from_string(onnx_model), _BFLOAT16_OPSET)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in single.graph.initializer}
    model = onnx.load_from_string(to_half(single.SerializeToString()))
    half, bfloat16 = onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == half:
            # From the float32 weight: one that went through float16 would be rounded twice, and may have overflowed.
            values = weights.get(tensor.name, onnx.numpy_helper.to_array(tensor))
            tensor.CopyFrom(_bfloat16_tensor(onnx, values, tensor.name))
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == half:
            value.type.tensor_type.elem_type = bfloat16
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == half:
                attribute.i = bfloat16
            elif attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == half:
                attribute.t.CopyFrom(_bfloat16_tensor(onnx, onnx.numpy_helper.to_array(attribute.t), attribute.t.name))
    serialised: bytes = model.SerializeToString()
    return serialised


def _bfloat16_tensor(onnx: Any, values: Any, name: str) -> Any:
    bits = to_bits(values).tobytes()
    return onnx.helper.make_tensor(name, onnx.TensorProto.BFLOAT16, values.shape, bits, raw=True)


FORMS: Mapping[str, Callable[[Workload], bytes]] = {
    HALF: lambda workload: to_half(workload.onnx_model),
    BFLOAT16: lambda workload: to_bfloat16(workload.onnx_model),
    QUANTIZED: to_int8,
    QUANTIZED_7_BITS: functools.partial(to_int8, reduced=True),
    QUANTIZED_SYMMETRIC: functools.partial(to_int8, symmetric=True),
}
"""How each form is made."""
