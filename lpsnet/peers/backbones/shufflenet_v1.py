"""ShuffleNet, version 1, of 8 groups."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from lpsnet.peers.layers import conv_norm

_GROUPS = 8
# Channels and units of stages 2 to 4.
_STAGES = ((384, 4), (768, 8), (1536, 4))


class ShuffleNetV1(nn.Module):
    """ShuffleNet 1x with 8 groups: 917,304 parameters.

    Source: Zhang et al. 2018, arXiv 1707.01083, Table 1 (g = 8) and Figure 2(b) and (c).

    As in LiteSeg, and other than in the paper: every convolution has a bias, and the first has neither BN nor ReLU.

    Shapes: from an image (N, 3, H, W) to maps (N, 384, H/8, W/8) and (N, 1536, H/32, W/32), each size rounded up.
    """

    low_channels = 384
    high_channels = 1536

    def __init__(self) -> None:
        super().__init__()
        before = 24
        stages = []
        for index, (channels, repeats) in enumerate(_STAGES):
            units: list[nn.Module] = []
            for number in range(repeats):
                # Section 3.2: 24 channels are too few to be grouped.
                first_groups = 1 if index == number == 0 else _GROUPS
                units.append(_Unit(before, channels, first_groups))
                before = channels
            stages.append(nn.Sequential(*units))
        stem = [nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.MaxPool2d(3, stride=2, padding=1)]
        self.low = nn.Sequential(*stem, stages[0])
        self.high = nn.Sequential(*stages[1:])

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The map at an eighth of the image's size, and the last one."""
        low = self.low(image)
        return low, self.high(low)


class _Unit(nn.Module):
    """Grouped 1×1, shuffle, depthwise 3×3, grouped 1×1; added to the input or, at a change of width, beside it."""

    def __init__(self, in_channels: int, out_channels: int, first_groups: int) -> None:
        super().__init__()
        self.halves = in_channels != out_channels
        inner = out_channels // 4
        own = out_channels - in_channels if self.halves else out_channels
        self.reduce = conv_norm(in_channels, inner, 1, groups=first_groups, bias=True)
        stride = 2 if self.halves else 1
        self.expand = nn.Sequential(
            *conv_norm(inner, inner, stride=stride, groups=inner, bias=True, activation=None),
            *conv_norm(inner, own, 1, groups=_GROUPS, bias=True, activation=None),
        )

    def forward(self, features: Tensor) -> Tensor:
        computed = self.expand(_shuffled(self.reduce(features)))
        if self.halves:
            shortcut = avg_pool2d(features, 3, stride=2, padding=1)
            return relu(torch.cat((shortcut, computed), dim=1))
        return relu(features + computed)


def _shuffled(features: Tensor) -> Tensor:
    """Channels dealt out over the groups, as section 3.1 describes: reshape, transpose, flatten."""
    batch, channels, height, width = features.shape
    grouped = features.reshape(batch, _GROUPS, channels // _GROUPS, height, width)
    return grouped.transpose(1, 2).reshape(batch, channels, height, width)
