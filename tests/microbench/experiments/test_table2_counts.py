"""Counts that Table 2 keeps, against networks that are built and run on torch's meta device."""

import pytest
import torch
from torch import nn

import lpsnet
from microbench.experiments.network import PAPER_RESOLUTION
from microbench.experiments.table2 import NORM_OPERATIONS, PAPER_WIDTHS


@pytest.mark.parametrize("block", PAPER_WIDTHS)
def test_batch_normalisation_takes_two_operations_for_each_value_that_it_yields(block: str) -> None:
    architecture = lpsnet.table2_architecture(PAPER_WIDTHS[block])
    network = lpsnet.build(architecture, block=block, interaction="none", reparameterised=False)
    values = 0

    def count(_: nn.Module, __: object, output: torch.Tensor) -> None:
        nonlocal values
        values += output.numel()

    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.register_forward_hook(count)
    network.eval().to("meta")(torch.empty((1, 3, *PAPER_RESOLUTION), device="meta"))
    assert 2 * values == NORM_OPERATIONS[block]
