"""The basic residual block of ResNet."""

from torch import nn

from blocks.arguments import require_shape
from blocks.layers import convolution, normalised
from blocks.registry import BLOCKS
from blocks.shortcut import ShortcutSum


@BLOCKS.register("residual")
class Residual(ShortcutSum):
    """Two 3×3 convolutions beside a shortcut: "Residual" of LPS-Net's Table 2.

    Source: ResNet, He et al. 2016, arXiv 1512.03385, section 3.2, Figures 2 and 5 (left).

    Layers:
        conv 3×3 (stride) - BN - ReLU - conv 3×3 - BN;
        the shortcut is added: the input, or its 1×1 projection (stride) - BN where stride is 2 or the widths differ;
        ReLU.

    The projection is the cited paper's option B; LPS-Net's paper does not say which shortcut it takes on a change.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        require_shape(in_channels, out_channels, stride)
        layers = nn.Sequential(
            *normalised(convolution(in_channels, out_channels, 3, stride), nn.ReLU),
            *normalised(convolution(out_channels, out_channels, 3)),
        )
        super().__init__(layers, in_channels, out_channels, stride)
