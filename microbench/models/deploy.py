"""The form in which a module is deployed: evaluation mode, batch normalisation folded into the convolutions."""

from __future__ import annotations

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse


def deployed(module: nn.Module) -> nn.Module:
    """`module` in evaluation mode, or a copy with every BN that follows a convolution folded into it.

    Every runtime is given this form, so that none is timed doing what another folds away by itself.

    Args:
        module: traceable by torch.fx (no control flow on values) if it has any BN; else it may be anything.

    Returns:
        An equivalent module; the argument is left as it was, but for its evaluation mode.
    """
    module.eval()
    if not any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules()):
        return module
    fused: nn.Module = fuse(module)
    return fused


def initialize(module: nn.Module, seed: int) -> None:
    """Set the weights of convolutions and matrix products to He-normal values (He 2015, arXiv 1502.01852).

    Torch's default shrinks the signal at every layer: the outputs of a deep network underflow in half precision, and no
    output check could tell right from wrong.
    """
    generator = torch.Generator().manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
