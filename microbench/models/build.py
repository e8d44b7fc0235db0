"""Make a workload of a module."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from microbench.measure.workload import Workload
from microbench.models.cost import count_cost
from microbench.models.deploy import deployed, initialize
from microbench.models.export import to_onnx

_SEED = 20220727

_INPUTS: weakref.WeakValueDictionary[tuple[int, ...], NDArray[np.float32]] = weakref.WeakValueDictionary()
"""By shape: the networks of a table read the same image, which is kept in memory once."""


def build_workload(
    name: str,
    make: Callable[[], nn.Module],
    input_shape: tuple[int, ...],
    export: Callable[[nn.Module, torch.Tensor], bytes] = to_onnx,
    *,
    whole_network: bool = False,
) -> Workload:
    """Build, initialise, fold, export and count the module that `make` returns.

    Args:
        name: the workload's name.
        make: builds the module, in any form.
        input_shape: of its one input, e.g. (N, C, H, W).
        export: serialises the folded module as an ONNX model of static shapes.
        whole_network: see `Workload`; `make` then returns the form in which it is deployed.

    Returns:
        The workload, with random normal input and the unfolded module's output as reference, both from fixed seeds.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(_SEED)  # `initialize` leaves biases as the module drew them
        module = make().eval()
    initialize(module, _SEED)
    values = _random_normal(input_shape)
    argument = torch.tensor(values)
    with torch.no_grad():
        reference = module(argument)
        folded = module if whole_network else deployed(module)
        onnx_model = export(folded, argument)
        cost = count_cost(folded, argument, onnx_model)
    (input_name,) = (value.name for value in onnx.load_from_string(onnx_model).graph.input)
    return Workload(
        name=name,
        onnx_model=onnx_model,
        inputs={input_name: values},
        reference=(reference.numpy(),),
        cost=cost,
        module=folded,
        whole_network=whole_network,
        random_weights=True,
    )


def _random_normal(shape: tuple[int, ...]) -> NDArray[np.float32]:
    values = _INPUTS.get(shape)
    if values is None:
        values = np.random.default_rng(_SEED).standard_normal(shape, dtype=np.float32)
        values.flags.writeable = False  # it is other workloads' too
        _INPUTS[shape] = values
    return values
