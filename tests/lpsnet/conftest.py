import pytest
import torch
from torch import nn

from lpsnet import Architecture


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def small() -> Architecture:
    """Two paths, one of which is resized, and a block that keeps its shape in every stage."""
    return Architecture((1, 2, 2, 2, 2), (4, 6, 8, 8, 8), ("3/4", "1/4", 0))


def randomise(network: nn.Module) -> None:
    """Give every BN the statistics and weights of one that has been trained, and the scores a size to compare."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.3, 1.5)
