"""The depthwise separable convolution of MobileNetV1."""

from torch import nn

from blocks.arguments import require_flag, require_shape
from blocks.layers import depthwise, normalised, pointwise
from blocks.registry import BLOCKS


@BLOCKS.register("sepconv3x3")
class SepConv3x3(nn.Sequential):
    """A depthwise separable convolution: "3×3 SepConv" of LPS-Net's Table 2.

    Source: MobileNetV1, Howard et al. 2017, arXiv 1704.04861, section 3.1 and Figure 3 (right).

    Layers: depthwise 3×3 (stride) - BN - ReLU - pointwise 1×1 - BN - ReLU.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: 1 or 2.
        bare: the two convolutions alone, without BN and ReLU: the workload of LPS-Net's Figure 4, without the optional
            skip connection that is drawn there as a dashed line. Leaves `middle_norm` without effect.
        middle_norm: whether BN and ReLU follow the depthwise convolution, as in MobileNetV1. LPS-Net's paper does not
            say, and its FLOPs do not settle it; with False the depthwise feeds the pointwise directly.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, *, bare: bool = False, middle_norm: bool = True
    ) -> None:
        require_shape(in_channels, out_channels, stride)
        require_flag("bare", bare)
        require_flag("middle_norm", middle_norm)
        spatial = depthwise(in_channels, stride)
        mixing = pointwise(in_channels, out_channels)
        if bare:
            super().__init__(spatial, mixing)
        elif middle_norm:
            super().__init__(*normalised(spatial, nn.ReLU), *normalised(mixing, nn.ReLU))
        else:
            super().__init__(spatial, *normalised(mixing, nn.ReLU))
