"""Make a workload of a module."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from microbench.measure.workload import Workload
from microbench.models.cost import count_cost
from microbench.models.deploy import deployed, initialize
from microbench.models.export import to_onnx

_SEED = 20220727
_INPUT_NAME = "input"


def build_workload(name: str, make: Callable[[], nn.Module], input_shape: tuple[int, ...]) -> Workload:
    """Build, initialise, fold, export and count the module that `make` returns.

    Args:
        name: the workload's name.
        make: builds the module, in any form.
        input_shape: of its one input, e.g. (N, C, H, W).

    Returns:
        The workload, with random normal input and the unfolded module's output as reference, both from fixed seeds.
    """
    module = make().eval()
    initialize(module, _SEED)
    values = np.random.default_rng(_SEED).standard_normal(input_shape, dtype=np.float32)
    argument = torch.from_numpy(values)
    with torch.inference_mode():
        reference = module(argument)
    folded = deployed(module)
    onnx_model = to_onnx(folded, [argument], [_INPUT_NAME])
    return Workload(
        name=name,
        onnx_model=onnx_model,
        inputs={_INPUT_NAME: values},
        reference=(reference.numpy(),),
        cost=count_cost(folded, [argument], onnx_model),
        module=folded,
    )
