"""What an ONNX file says of itself, and what of it may be why one is slower than another."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import numpy_helper

from microbench.errors import InputError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Artefact:
    """An ONNX file, described."""

    path: Path
    """Absolute, as processes read it from folders of their own."""
    sha256: str
    file_bytes: int
    inputs: Shapes
    """All dimensions known."""
    operators: Mapping[str, int]
    """How many of each type."""
    parameter_bytes: Mapping[str, int]
    """Of the stored weights, by precision, e.g. {"float": 48000}."""
    opset: int

    @property
    def nodes(self) -> int:
        """How many operators in all."""
        return sum(self.operators.values())


def read_artefact(path: Path, given: Shapes) -> Artefact:
    """Read and describe a model.

    Args:
        path: of an ONNX file.
        given: shapes of inputs by name, for those whose dimensions the model leaves open.

    Raises:
        InputError: the file is not an ONNX model, keeps its weights in another file, or has an input that is not
            float32 or whose shape is neither fixed nor given.
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
    weights = {weight.name: weight for weight in model.graph.initializer}
    if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in weights.values()):
        raise InputError(f"model {str(path)!r} keeps weights in another file; export it with its weights inside.")
    sizes: Counter[str] = Counter()
    for weight in weights.values():
        array_bytes = numpy_helper.to_array(weight).nbytes
        sizes[onnx.TensorProto.DataType.Name(weight.data_type).lower()] += array_bytes
    return Artefact(
        path=path.resolve(),
        sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        inputs={value.name: _shape(path, value, given) for value in model.graph.input if value.name not in weights},
        operators=dict(Counter(node.op_type for node in model.graph.node)),
        parameter_bytes=dict(sizes),
        opset=next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0),
    )


def _shape(path: Path, value: onnx.ValueInfoProto, given: Shapes) -> tuple[int, ...]:
    tensor = value.type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        raise InputError(f"model {str(path)!r}: input {value.name!r} must be float, not {kind}.")
    fixed = tuple(dimension.dim_value for dimension in tensor.shape.dim)
    shape = tuple(given.get(value.name, fixed))
    if len(shape) != len(fixed) or any(size < 1 for size in shape):
        raise InputError(
            f"model {str(path)!r}: input {value.name!r} has open dimensions; fix its {len(fixed)} by --shape, "
            f"e.g. --shape {value.name}={'x'.join(str(size or 1) for size in fixed)}."
        )
    if any(size not in (0, wanted) for size, wanted in zip(fixed, shape, strict=True)):
        raise InputError(f"shape {shape} of input {value.name!r} is not what model {str(path)!r} fixes, {fixed}.")
    return shape


def causes(base: Artefact, head: Artefact) -> list[str]:
    """What differs between the two files that latency may follow from, in words; empty if nothing that can be seen."""
    if base.sha256 == head.sha256:
        return []
    found = [
        f"{kind} {base.operators.get(kind, 0)} → {head.operators.get(kind, 0)}"
        for kind in sorted({*base.operators, *head.operators})
        if base.operators.get(kind, 0) != head.operators.get(kind, 0)
    ]
    if base.nodes != head.nodes:
        found.insert(0, f"operators {base.nodes} → {head.nodes}")
    for kind in sorted({*base.parameter_bytes, *head.parameter_bytes}):
        before, after = base.parameter_bytes.get(kind, 0), head.parameter_bytes.get(kind, 0)
        if before != after:
            found.append(f"{kind} weights {_size(before)} → {_size(after)}")
    if base.opset != head.opset:
        found.append(f"opset {base.opset} → {head.opset}")
    if not found:
        found.append("the files differ in values or attributes alone")
    return found


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
