"""A torch module of the user's own as a workload."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from microbench.errors import InputError
from microbench.measure.workload import Workload
from microbench.models.export import to_onnx
from microbench.models.user_onnx import NO_COST, Given, random_values, reason


def module_workload(module: nn.Module, given: Sequence[Given], seed: int, *, export: bool) -> Workload:
    """The workload of a module on inputs of certain shapes or values, in evaluation mode and with its own weights.

    Args:
        module: it is left as it is.
        given: shapes or values of the inputs, in the order of `forward`.
        seed: of the inputs of which only the shape is known.
        export: make the ONNX model too, which most runtimes need.

    Returns:
        Outputs that are not the module's own in float32 do not count.

    Raises:
        InputError: no input, or the module does not take these, does not return tensors, or cannot be exported.
    """
    if not given:
        raise InputError("inputs must have the shape or an example of each input of the module, in its order.")
    rng = np.random.default_rng(seed)
    arrays = [_contiguous(one) if isinstance(one, np.ndarray) else random_values(one, rng) for one in given]
    arguments = [torch.from_numpy(values) for values in arrays]
    module = copy.deepcopy(module).cpu().float().eval()
    with torch.no_grad():
        try:
            result = module(*arguments)
        except Exception as error:  # the module is the user's: it may raise anything
            raise InputError(f"model does not run on these inputs: {reason(error)}.") from error
        outputs = list(result) if isinstance(result, tuple | list) else [result]
        if not all(isinstance(output, torch.Tensor) for output in outputs):
            raise InputError(f"model must return tensors, not {type(result).__name__}.")
        onnx_model = _exported(module, arguments) if export else b""
    names = [f"input{number}" for number in range(len(arrays))]
    if export:
        names = [value.name for value in onnx.load_from_string(onnx_model).graph.input]
        if len(names) < len(arrays):
            raise InputError("inputs must be those that the module's output depends on alone, to be exported as ONNX.")
    return Workload(
        name="model",
        onnx_model=onnx_model,
        inputs=dict(zip(names, arrays, strict=True)),
        reference=tuple(output.numpy() for output in outputs),
        cost=NO_COST,
        module=module,
    )


def _contiguous(values: NDArray[Any]) -> NDArray[Any]:
    """The values as every runtime takes them: floats in float32."""
    return np.ascontiguousarray(values, dtype=np.float32 if values.dtype.kind == "f" else None)


def _exported(module: nn.Module, arguments: Sequence[torch.Tensor]) -> bytes:
    try:
        return to_onnx(module, *arguments)
    except Exception as error:  # torch's exporter has an error for each operator that it does not know
        raise InputError(
            f"model cannot be exported as ONNX: {reason(error)}; runtime torch-eager needs no export."
        ) from error
