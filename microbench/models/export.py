"""ONNX export of a block at static shapes. Whole networks have their own, `lpsnet.export_onnx`."""

from __future__ import annotations

import io
import warnings
from typing import Any, cast

import onnx
import torch
from torch import nn

from lpsnet.export import OPSET


def to_onnx(module: nn.Module, *arguments: torch.Tensor) -> bytes:
    """The serialised ONNX model of `module` for inputs of the arguments' shapes.

    Torch's TorchScript exporter is used although it is called legacy: the newer one writes opset 18 and up only, and
    from 18 on TensorRT 8.6's parser silently ignores a ReduceMean's axes.
    """
    names = ["input"] if len(arguments) == 1 else [f"input{number}" for number in range(len(arguments))]
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(module, arguments, cast(Any, buffer), input_names=names, opset_version=OPSET, dynamo=False)
    # Imported here, as it takes as long as many exports.
    import onnxscript.optimizer

    # Known sizes become constants, and the Identity through which the exporter shares equal weights, which TensorRT 8.6
    # would not take for weights, becomes weights.
    model = onnx.load_from_string(buffer.getvalue())
    onnxscript.optimizer.fold_constants(model, onnx_shape_inference=True)
    onnxscript.optimizer.remove_unused_nodes(model)
    content: bytes = model.SerializeToString()
    return content
