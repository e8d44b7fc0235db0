"""The Ghost module of GhostNet."""

import math

import torch
from torch import Tensor, nn

from blocks.arguments import require_at_least, require_choice, require_shape
from blocks.layers import convolution, depthwise, normalised
from blocks.registry import BLOCKS


@BLOCKS.register("ghost")
class GhostModule(nn.Module):
    """A convolution to a share of the channels, from which cheap depthwise convolutions make the others.

    It is "Ghost Module" of LPS-Net's Table 2: the module by itself, and not GhostNet's bottleneck of two modules.

    Source: GhostNet, Han et al. 2020, arXiv 1911.11907, section 3.1 and Figure 2(b).

    Layers, with m = ceil(out_channels / ratio):
        primary: conv k×k to m channels (stride) - BN - ReLU;
        cheap: depthwise 3×3 of those to m * (ratio - 1) channels - BN - ReLU;
        concatenation of primary and cheap, cut to out_channels where ratio does not divide them.

    The stride sits in the primary convolution, where GhostNet's code has the module's stride (its networks only use 1
    there: they stride with a depthwise convolution between two modules).

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.
        primary_kernel: k, 1 or 3. GhostNet uses 1; LPS-Net's paper does not say, and its FLOPs do not settle it.
        ratio: how many times more channels the module yields than its primary convolution, at least 2. GhostNet uses 2.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, *, primary_kernel: int = 1, ratio: int = 2
    ) -> None:
        super().__init__()
        require_shape(in_channels, out_channels, stride)
        require_choice("primary_kernel", primary_kernel, (1, 3))
        require_at_least("ratio", ratio, 2)
        primary_channels = math.ceil(out_channels / ratio)
        self.primary = normalised(convolution(in_channels, primary_channels, primary_kernel, stride), nn.ReLU)
        self.cheap = normalised(depthwise(primary_channels, multiplier=ratio - 1), nn.ReLU)
        self.out_channels = out_channels
        self.has_surplus = primary_channels * ratio > out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Primary channels first, then the ghosts made of them."""
        primary = self.primary(features)
        both = torch.cat((primary, self.cheap(primary)), dim=1)
        # Only where there is something to cut, to keep a no-op slice out of exported graphs.
        return both[:, : self.out_channels] if self.has_surplus else both
