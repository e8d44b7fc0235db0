"""The 3×3 convolution, LPS-Net's own block."""

from torch import nn

from blocks.arguments import require_flag, require_shape
from blocks.layers import convolution, normalised
from blocks.registry import BLOCKS


@BLOCKS.register("conv3x3")
class Conv3x3(nn.Sequential):
    """A 3×3 convolution: "3×3 Conv" of LPS-Net's Table 2.

    Source: LPS-Net, arXiv 2207.13600, section 3.2, Figures 4 and 5, Table 2.

    Layers: conv 3×3 (stride, no bias) - BN - ReLU.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.
        bare: the convolution alone, without BN and ReLU. It is the workload of Figures 4 and 5: Figure 4's caption
            leaves the activations out and draws no BN; that Figure 5 does the same is our reading.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, bare: bool = False) -> None:
        require_shape(in_channels, out_channels, stride)
        require_flag("bare", bare)
        conv = convolution(in_channels, out_channels, 3, stride)
        if bare:
            super().__init__(conv)
        else:
            super().__init__(*normalised(conv, nn.ReLU))
