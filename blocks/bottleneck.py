"""The bottleneck block of ResNet."""

from torch import nn

from blocks.arguments import require_shape
from blocks.layers import convolution, normalised, pointwise
from blocks.registry import BLOCKS
from blocks.shortcut import ShortcutSum
from microbench.errors import require_positive


@BLOCKS.register("bottleneck")
class Bottleneck(ShortcutSum):
    """A 3×3 convolution at a reduced width beside a shortcut: "Bottleneck" of LPS-Net's Table 2.

    Source: ResNet, He et al. 2016, arXiv 1512.03385, section 4.1 and Figure 5 (right).

    Layers, with m = max(1, floor(out_channels / reduction)):
        pointwise 1×1 to m channels - BN - ReLU;
        conv 3×3 (stride) - BN - ReLU;
        pointwise 1×1 to out_channels - BN;
        the shortcut is added: the input, or its 1×1 projection (stride) - BN where stride is 2 or the widths differ;
        ReLU.

    The 3×3 convolution carries the stride, as in most of today's ResNets; the cited paper has it in the first 1×1.
    LPS-Net's paper names neither the place of the stride nor the shortcut.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.
        reduction: how many times narrower the 3×3 convolution is, at least 1. ResNet uses 4; LPS-Net's paper does not
            say.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, reduction: int = 4) -> None:
        require_shape(in_channels, out_channels, stride)
        require_positive("reduction", reduction)
        inner_channels = max(1, out_channels // reduction)
        layers = nn.Sequential(
            *normalised(pointwise(in_channels, inner_channels), nn.ReLU),
            *normalised(convolution(inner_channels, inner_channels, 3, stride), nn.ReLU),
            *normalised(pointwise(inner_channels, out_channels)),
        )
        super().__init__(layers, in_channels, out_channels, stride)
