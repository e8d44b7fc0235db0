from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from lpsnet import Architecture


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring to networks this small, most of all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def small() -> Architecture:
    """Two paths, both of which see a resized image, with a block in most stages that keeps its shape."""
    return Architecture((1, 2, 2, 2, 2), (4, 6, 8, 8, 8), ("3/4", "1/4", 0))


@pytest.fixture
def trained() -> Callable[[nn.Module], None]:
    """Gives a new network weights and BN statistics as unlike those of the start as training does."""

    def train(network: nn.Module) -> None:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.2, 1.5)

    return train
