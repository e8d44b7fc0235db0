"""The inverted residual of MobileNetV2."""

from torch import Tensor, nn

from blocks.arguments import require_shape
from blocks.layers import depthwise, normalised, pointwise
from blocks.registry import BLOCKS
from microbench.errors import require_positive


@BLOCKS.register("inverted_residual")
class InvertedResidual(nn.Module):
    """An expansion, a depthwise convolution and a linear bottleneck: "Inverted Residual" of LPS-Net's Table 2.

    Source: MobileNetV2, Sandler et al. 2018, arXiv 1801.04381, section 3.3, Table 1 and Figure 4(d).

    Layers, with t = expansion:
        expand: pointwise 1×1 to t * in_channels - BN - ReLU6, left out where t is 1, as the authors' code does;
        depthwise 3×3 (stride) - BN - ReLU6;
        project: pointwise 1×1 - BN, without an activation;
        the input is added where stride is 1 and the widths are equal. No activation follows.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.
        expansion: t, at least 1. MobileNetV2 uses 6 nearly throughout; LPS-Net's paper does not say, and its FLOPs do
            not settle it.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, expansion: int = 6) -> None:
        super().__init__()
        require_shape(in_channels, out_channels, stride)
        require_positive("expansion", expansion)
        inner_channels = in_channels * expansion
        expand = normalised(pointwise(in_channels, inner_channels), nn.ReLU6) if expansion > 1 else ()
        self.layers = nn.Sequential(
            *expand,
            *normalised(depthwise(inner_channels, stride), nn.ReLU6),
            *normalised(pointwise(inner_channels, out_channels)),
        )
        self.adds_input = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """The linear bottleneck's output, added to the input where the shape is kept."""
        projected: Tensor = self.layers(features)
        return features + projected if self.adds_input else projected
