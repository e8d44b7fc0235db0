"""OpenVINO's kernels, read off the runtime model: each layer's type, primitive and layout."""

from __future__ import annotations

from typing import Any, Optional

from microbench.runtimes.kernels.kernel import Kernel, padded_macs

_NOT_EXECUTED = ("Input", "Output", "Const", "Parameter", "Result")
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_MAP_DIMENSIONS = 4


def openvino_kernels(compiled: Any) -> list[Kernel]:
    """The kernels of a compiled model, in the order in which they run."""
    operations = compiled.get_runtime_model().get_ordered_ops()
    return [_kernel(operation) for operation in operations if _property(operation, "layerType") not in _NOT_EXECUTED]


def _kernel(operation: Any) -> Kernel:
    operator = _property(operation, "layerType")
    output = _shape(operation.output(0)) if operation.get_output_size() else None
    sources = [operation.input(i).get_source_output() for i in range(operation.get_input_size())]
    shapes = [_shape(source) for source in sources]
    macs, window = 0, None
    if operator in _CONVOLUTIONS and output is not None and len(shapes) > 1 and shapes[1] is not None:
        weights = shapes[1]
        macs = padded_macs(output, weights, grouped=len(weights) > _MAP_DIMENSIONS)
        window = (weights[-2], weights[-1])
    layout = _property(operation, "outputLayouts")
    return Kernel(
        operator=operator,
        implementation=f"{_property(operation, 'primitiveType')} {layout}".strip(),
        input_shape=shapes[0] if shapes else None,
        output_shape=output,
        macs=macs,
        window=window,
        converts_layout=operator in ("Reorder", "Convert"),
    )


def _property(operation: Any, name: str) -> str:
    info = operation.get_rt_info()
    if name not in info:
        return ""
    value = info[name]
    return str(getattr(value, "value", value))


def _shape(port: Any) -> Optional[tuple[int, ...]]:
    shape = port.get_partial_shape()
    return tuple(int(side.get_length()) for side in shape) if shape.is_static else None
