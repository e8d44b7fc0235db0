"""ONNX export of a module at static shapes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn

OPSET = 17
"""The newest that TensorRT 8.6's parser reads right (from 18 on, ReduceMean's axes are an input that it ignores)."""


def to_onnx(module: nn.Module, arguments: Sequence[torch.Tensor], input_names: Sequence[str]) -> bytes:
    """The serialised ONNX model of `module` for inputs of the arguments' shapes.

    Torch's TorchScript exporter is used although it is called legacy: the newer one writes opset 18 and up only.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            module,
            tuple(arguments),
            cast(Any, buffer),
            input_names=list(input_names),
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()
