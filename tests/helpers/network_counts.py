"""Counts of a network that runs no arithmetic, independent of fvcore."""

import torch
from torch import Tensor, nn


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution_macs(network: nn.Module, height: int, width: int) -> int:
    """Multiply-accumulates of all convolutions on one image, from the shapes of their outputs."""
    total = 0

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)
        kernel_height, kernel_width = module.kernel_size
        total += output.numel() * module.in_channels // module.groups * kernel_height * kernel_width

    network = network.to("meta").eval()
    handles = [layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    network(torch.empty(1, 3, height, width, device="meta"))
    for handle in handles:
        handle.remove()
    return total
