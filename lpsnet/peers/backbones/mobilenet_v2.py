"""MobileNetV2."""

from torch import Tensor, nn

from blocks.inverted_residual import InvertedResidual
from lpsnet.peers.layers import conv_norm

# Table 2 of the paper: expansion t, channels c, repeats n, stride s of the first of them.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_LOW_STAGE = 2


def _relu6() -> nn.Module:
    return nn.ReLU6(inplace=True)


class MobileNetV2(nn.Module):
    """MobileNetV2 at width 1.0: 2,223,872 parameters.

    Source: Sandler et al. 2018, arXiv 1801.04381, Table 2.

    Shapes: from an image (N, 3, H, W) to maps (N, 24, H/4, W/4) and (N, 1280, H/32, W/32), each size rounded up.
    """

    low_channels = 24
    high_channels = 1280

    def __init__(self) -> None:
        super().__init__()
        before = 32
        stages = []
        for expansion, channels, repeats, stride in _STAGES:
            units = []
            for number in range(repeats):
                units.append(InvertedResidual(before, channels, stride if number == 0 else 1, expansion=expansion))
                before = channels
            stages.append(nn.Sequential(*units))
        self.low = nn.Sequential(conv_norm(3, 32, stride=2, activation=_relu6), *stages[:_LOW_STAGE])
        last = conv_norm(before, self.high_channels, 1, activation=_relu6)
        self.high = nn.Sequential(*stages[_LOW_STAGE:], last)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The map at a quarter of the image's size, and the last one."""
        low = self.low(image)
        return low, self.high(low)
