"""Read an ONNX file: its inputs, and what it consists of."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, ValueInfoProto
from onnx.external_data_helper import load_external_data_for_model

from microbench.errors import InputError
from microbench.gate.inputs import BOOLEAN, INTEGERS, GivenInput, ModelInput
from microbench.measure.sampler import one_line

_DTYPES: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.BOOL: BOOLEAN,
    TensorProto.INT8: "int8",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
}
_MOST_BYTES = 2**31 - 1
"""Of a model in one piece: a limit of protobuf."""


@dataclass(frozen=True)
class OnnxFile:
    """A model that can be run, and what it consists of."""

    path: Path
    """Of one file with all weights inside. Absolute, as workers read it from folders of their own."""
    sha256: str
    """Of that file."""
    inputs: Mapping[str, ModelInput]
    operators: Mapping[str, int]
    """How many of each type."""
    parameter_bytes: Mapping[str, int]
    """Of the stored weights, by precision, e.g. {"float": 48000}."""
    opset: int

    @property
    def nodes(self) -> int:
        """The number of operators."""
        return sum(self.operators.values())


def read_onnx_file(path: Path, given: Mapping[str, GivenInput], self_contained: Path) -> OnnxFile:
    """Read a model.

    Args:
        path: of an ONNX file; its weights may lie in files beside it, as torch's exporter leaves them.
        given: shapes that the model leaves open, and ranges of integers, by input name.
        self_contained: where a copy is written if the weights lie in files beside it.

    Raises:
        InputError: the file is not an ONNX model, a file of its weights is missing, or an input is of a type that
            cannot be fed, of an open shape that is not given, or of integers whose range is not given.
    """
    try:
        content = path.read_bytes()
        model = onnx.load_model_from_string(content)
    except OSError as error:
        raise InputError(f"model {str(path)!r} cannot be read: {error.strerror}.") from error
    except Exception as error:  # protobuf's own kinds, which differ between its versions
        raise InputError(f"model {str(path)!r} is not an ONNX file.") from error
    if not model.graph.node:
        raise InputError(f"model {str(path)!r} is not an ONNX file with a graph of operators.")
    runnable = path
    if _load_weights_beside(path, model):
        runnable, content = self_contained, model.SerializeToString()
        runnable.parent.mkdir(parents=True, exist_ok=True)
        runnable.write_bytes(content)
    weights = {weight.name for weight in model.graph.initializer}
    return OnnxFile(
        path=runnable.resolve(),
        sha256=hashlib.sha256(content).hexdigest(),
        inputs={
            value.name: _model_input(path, value, given.get(value.name, GivenInput()))
            for value in model.graph.input
            if value.name not in weights
        },
        operators=dict(Counter(node.op_type for node in model.graph.node)),
        parameter_bytes=_parameter_bytes(path, model),
        opset=next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0),
    )


def _load_weights_beside(path: Path, model: onnx.ModelProto) -> bool:
    """Take weights that lie in other files into the model; returns whether there were any."""
    before = model.ByteSize()
    try:
        load_external_data_for_model(model, str(path.parent))
    except Exception as error:  # whatever onnx raises for a file that is missing, too short, or outside the folder
        raise InputError(f"model {str(path)!r}: its weights cannot be read: {one_line(error)}.") from error
    if model.ByteSize() > _MOST_BYTES:
        raise InputError(f"model {str(path)!r} must be smaller than 2 GiB, its weights included.")
    return bool(model.ByteSize() != before)


def _parameter_bytes(path: Path, model: onnx.ModelProto) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for weight in model.graph.initializer:
        try:
            kind = TensorProto.DataType.Name(weight.data_type).lower()
            value_bytes = onnx.helper.tensor_dtype_to_np_dtype(weight.data_type).itemsize
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"model {str(path)!r}: weight {weight.name!r} has the unknown type {weight.data_type}."
            ) from error
        sizes[kind] += math.prod(weight.dims) * value_bytes
    return dict(sizes)


def _model_input(path: Path, value: ValueInfoProto, given: GivenInput) -> ModelInput:
    where = f"model {str(path)!r}: input {value.name!r}"
    dtype = _DTYPES.get(value.type.tensor_type.elem_type)
    if dtype is None:
        raise InputError(f"{where} must be a tensor of floats, integers or booleans.")
    if given.dtype not in (None, dtype):
        raise InputError(f"{where} is of the type {dtype}, not {given.dtype}.")
    shape = _shape(where, value, given)
    if dtype not in INTEGERS:
        if given.low is not None:
            raise InputError(f"{where} is of the type {dtype}, and only integers have a range.")
        return ModelInput(shape, dtype)
    limits = np.iinfo(dtype)
    if given.low is None or given.high is None:
        example = f"{value.name}={'x'.join(map(str, shape))}:{dtype}[0,{min(30000, limits.max)}]"
        raise InputError(f"{where} is of integers; give their range by --input, e.g. --input '{example}'.")
    if given.low < limits.min or given.high > limits.max:
        raise InputError(f"{where} must have a range within {limits.min} to {limits.max}, those of {dtype}.")
    return ModelInput(shape, dtype, given.low, given.high)


def _shape(where: str, value: ValueInfoProto, given: GivenInput) -> tuple[int, ...]:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        if given.shape is None:
            raise InputError(f"{where} has no shape; give one by --input, e.g. --input {value.name}=1x3x64x64.")
        return given.shape
    fixed = tuple(dimension.dim_value for dimension in tensor.shape.dim)
    shape = fixed if given.shape is None else given.shape
    if len(shape) != len(fixed) or any(size < 1 for size in shape):
        example = "x".join(str(size or 1) for size in fixed)
        raise InputError(
            f"{where} has open dimensions; fix its {len(fixed)} by --input, e.g. --input {value.name}={example}."
        )
    if any(size not in (0, wanted) for size, wanted in zip(fixed, shape, strict=True)):
        sizes = "x".join(map(str, fixed))
        raise InputError(f"{where} cannot be {'x'.join(map(str, shape))}, as the model fixes {sizes}.")
    return shape
