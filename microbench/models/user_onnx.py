"""An ONNX model of the user's own as a workload."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from microbench.errors import InputError
from microbench.measure.sampler import one_line
from microbench.measure.workload import Cost, Workload

Shape = tuple[int, ...]
Given = Shape | NDArray[Any]
"""What a user says of an input: its shape, or its values."""

NO_COST = Cost(macs=0, parameters=0, moved_bytes=0)
"""Of a model whose latency alone is asked for."""


def onnx_workload(
    model: str | os.PathLike[str] | bytes | onnx.ModelProto, given: Mapping[str, Given] | Sequence[Given], seed: int
) -> Workload:
    """The workload of an ONNX model on inputs of certain shapes or values.

    Args:
        model: a path, the file's bytes, or the model.
        given: shapes or values of the inputs by name, or in the model's order; a shape that the model fixes can be
            left out.
        seed: of the inputs of which only the shape is known.

    Returns:
        Outputs that are not ONNX Runtime's, computed without its optimisations, do not count.

    Raises:
        InputError: it is not an ONNX model that can be run, or an input is unknown, open, or of another type or shape.
    """
    proto = _read(model)
    weights = {weight.name for weight in proto.graph.initializer}
    declared = {value.name: value for value in proto.graph.input if value.name not in weights}
    by_name = _by_name(given, tuple(declared))
    rng = np.random.default_rng(seed)
    inputs = {name: _values(value, by_name.get(name), rng) for name, value in declared.items()}
    for name, values in inputs.items():
        # A runtime may plan for a fixed shape what it cannot for an open one.
        shape = declared[name].type.tensor_type.shape
        shape.ClearField("dim")
        shape.dim.extend(onnx.TensorShapeProto.Dimension(dim_value=size) for size in values.shape)
    content = proto.SerializeToString()
    return Workload("model", content, inputs, _reference(content, inputs), NO_COST)


def random_values(shape: Shape, rng: np.random.Generator) -> NDArray[np.float32]:
    """Normally distributed float32.

    Raises:
        InputError: a size is not a positive integer.
    """
    if any(type(size) is not int or size < 1 for size in shape):
        raise InputError(f"inputs must have sizes of at least 1, not {tuple(shape)!r}.")
    return np.asarray(rng.standard_normal(shape, dtype=np.float32))


def reason(error: BaseException) -> str:
    """An error of a library, to be followed by a full stop."""
    return one_line(error).rstrip(".")


def _read(model: str | os.PathLike[str] | bytes | onnx.ModelProto) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    try:
        if isinstance(model, onnx.ModelProto):
            proto.CopyFrom(model)
        elif isinstance(model, bytes):
            proto.ParseFromString(model)
        else:
            proto = onnx.load(Path(model))
        onnx.checker.check_model(proto)
    except OSError as error:
        raise InputError(f"model {os.fspath(model)!r} cannot be read: {error.strerror}.") from error
    except Exception as error:  # protobuf's and the checker's own kinds
        raise InputError(f"model must be an ONNX model; this one is refused: {reason(error)}.") from error
    return proto


def _by_name(given: Mapping[str, Given] | Sequence[Given], names: tuple[str, ...]) -> dict[str, Given]:
    if not isinstance(given, Mapping):
        if len(given) > len(names):
            raise InputError(f"inputs must be at most {len(names)}, as many as the model has, not {len(given)}.")
        return dict(zip(names, given, strict=False))
    unknown = [name for name in given if name not in names]
    if unknown:
        raise InputError(f"inputs has {unknown[0]!r}, but the model's inputs are called {', '.join(names)}.")
    return dict(given)


def _values(value: onnx.ValueInfoProto, given: Given | None, rng: np.random.Generator) -> NDArray[Any]:
    """The values of one input."""
    tensor = value.type.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except KeyError as error:
        raise InputError(f"input {value.name!r} is not a tensor, which cannot be timed.") from error
    sizes = tuple(dimension.dim_value for dimension in tensor.shape.dim)
    shape = sizes if given is None else given.shape if isinstance(given, np.ndarray) else tuple(given)
    fits = len(shape) == len(sizes) and all(size in (0, wanted) for size, wanted in zip(sizes, shape, strict=True))
    if given is not None and not fits:
        asked = " x ".join(str(size or "any") for size in sizes)
        raise InputError(f"input {value.name!r} must have the shape {asked}, not {shape!r}.")
    if isinstance(given, np.ndarray):
        if given.dtype.kind != dtype.kind:
            raise InputError(f"input {value.name!r} must be of the type {dtype}, not {given.dtype}.")
        return np.ascontiguousarray(given, dtype=dtype)
    if math.prod(shape) == 0:
        raise InputError(f"input {value.name!r} has open dimensions: give its shape, such as {_example(sizes)}.")
    if dtype.kind != "f":
        raise InputError(
            f"input {value.name!r} is of type {dtype}: give an example, as random values may mean nothing."
        )
    return random_values(shape, rng).astype(dtype)


def _example(sizes: Shape) -> Shape:
    return tuple(size or 1 for size in sizes)


def _reference(content: bytes, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return tuple(np.asarray(output) for output in session.run(None, dict(inputs)))
    except Exception as error:  # ONNX Runtime has one kind for each of its states
        raise InputError(f"model cannot be run on these inputs: {reason(error)}.") from error
