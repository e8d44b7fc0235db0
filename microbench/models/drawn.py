"""Workloads whose weights and inputs are drawn where they are timed, so that a bundle need not bring them along."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from microbench.bundle.draws import draw_input
from microbench.bundle.manifest import FLOAT32 as SINGLE
from microbench.bundle.template import BFLOAT16, FLOAT16, FLOAT32, INT8, Hole, fill
from microbench.bundle.template import cut as cut_holes
from microbench.bundle.writer import NOTHING_DRAWN, Drawing
from microbench.measure.workload import Workload
from microbench.runtimes.forms import FORMS

_FEWEST_VALUES = 256
"""A smaller weight is stored: to say how to draw it takes as much room."""
_MAX_EXCEPTIONS = 64
_DTYPES = {
    onnx.TensorProto.FLOAT: FLOAT32,
    onnx.TensorProto.FLOAT16: FLOAT16,
    onnx.TensorProto.BFLOAT16: BFLOAT16,
    onnx.TensorProto.INT8: INT8,
}
_QUANTIZED, _STEPS = "_quantized", "_scale"
"""What ONNX Runtime appends to the name of a weight that it quantises, and to that of its steps."""
_LIMITS = (127, 64)
"""Of int8 weights of 8 and of 7 bits."""


def drawn(workload: Workload, forms: Iterable[str]) -> tuple[Workload, Drawing]:
    """The workload with weights and inputs that can be drawn again from seeds, and how to draw them.

    Weights keep their mean and standard deviation. The reference becomes ONNX Runtime's output in float32 for them.

    Args:
        workload: one of random weights; any other keeps its weights, and everything is stored.
        forms: names of the forms that its model is also made in; see `microbench.runtimes.forms`.

    Returns:
        The workload with those of the forms that it can be had in, and without a torch module.
    """
    if not workload.random_weights:
        return dataclasses.replace(workload, forms=_forms(workload, forms), module=None), NOTHING_DRAWN
    model = onnx.load_from_string(workload.onnx_model)
    sources: dict[str, Hole] = {}
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if tensor.data_type == onnx.TensorProto.FLOAT and values.size >= _FEWEST_VALUES:
            hole = Hole(
                offset=0,
                seed=len(sources) + 1,
                shape=values.shape,
                scale=float(np.float32(values.std())),
                shift=float(np.float32(values.mean())),
                dtype=FLOAT32,
            )
            sources[tensor.name] = hole
            tensor.CopyFrom(onnx.numpy_helper.from_array(hole.float32_values().reshape(values.shape), tensor.name))
    seeds = {name: index for index, name in enumerate(workload.inputs)}
    inputs = {name: draw_input(seeds[name], values.shape) for name, values in workload.inputs.items()}
    changed = dataclasses.replace(workload, onnx_model=_serialised(model), inputs=inputs, module=None)
    changed = dataclasses.replace(
        changed,
        reference=_reference(changed),
        forms={form: _serialised(onnx.load_from_string(content)) for form, content in _forms(changed, forms).items()},
    )
    models = {SINGLE: changed.onnx_model, **changed.forms}
    holes = {form: _find_holes(content, sources) for form, content in models.items()}
    for form, content in models.items():
        assert fill(cut_holes(content, holes[form]), holes[form]) == content
    return changed, Drawing(holes, seeds)


def _forms(workload: Workload, names: Iterable[str]) -> dict[str, bytes]:
    """Those that can be made; an operator that has no int8, say, is for the device to report."""
    made = {}
    for name in names:
        try:
            made[name] = FORMS[name](workload)
        except Exception:
            continue
    return made


def _reference(workload: Workload) -> tuple[NDArray[Any], ...]:
    session = onnxruntime.InferenceSession(workload.onnx_model, providers=["CPUExecutionProvider"])
    return tuple(session.run(None, dict(workload.inputs)))


def _serialised(model: onnx.ModelProto) -> bytes:
    """With the bytes of each weight as they are, and not as a list of numbers."""
    for tensor in model.graph.initializer:
        if not tensor.HasField("raw_data") and tensor.data_type in _DTYPES:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _find_holes(content: bytes, sources: Mapping[str, Hole]) -> list[Hole]:
    tensors = {tensor.name: tensor for tensor in onnx.load_from_string(content).graph.initializer}
    holes = []
    for name, source in sources.items():
        for stored_name in (name, name + _QUANTIZED):
            tensor = tensors.get(stored_name)
            if tensor is None or tensor.data_type not in _DTYPES or content.count(tensor.raw_data) != 1:
                continue
            hole = dataclasses.replace(
                source, offset=content.index(tensor.raw_data), shape=tuple(tensor.dims), dtype=_DTYPES[tensor.data_type]
            )
            candidates = (
                _quantisations(hole, tensors[name + _STEPS].raw_data, content) if hole.dtype == INT8 else [hole]
            )
            found = (_with_exceptions(candidate, content, tensor.raw_data) for candidate in candidates)
            holes += [hole for hole in found if hole is not None][:1]
    return holes


def _quantisations(hole: Hole, steps: bytes, content: bytes) -> list[Hole]:
    return [
        dataclasses.replace(hole, steps_offset=content.index(steps), steps=len(steps) // 4, limit=limit)
        for limit in _LIMITS
    ]


def _with_exceptions(hole: Hole, content: bytes, wanted: bytes) -> Hole | None:
    """The hole with what differs from its drawn values, or None if that is too much."""
    kind = {FLOAT32: "<u4", FLOAT16: "<u2", BFLOAT16: "<u2", INT8: "u1"}[hole.dtype]
    found = np.frombuffer(hole.values(bytearray(content)), kind)
    expected = np.frombuffer(wanted, kind)
    differing = np.flatnonzero(found != expected)
    if len(differing) > _MAX_EXCEPTIONS:
        return None
    return dataclasses.replace(hole, exceptions={int(index): int(expected[index]) for index in differing})
