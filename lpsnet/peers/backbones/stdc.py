"""STDC1 and STDC2, the short-term dense concatenation networks."""

import itertools

import torch
from torch import Tensor, nn

from lpsnet.peers.layers import conv_norm

_WIDTHS = (256, 512, 1024)


class StdcNet(nn.Module):
    """A backbone of short-term dense concatenation modules.

    Source: Fan et al. 2021, arXiv 2104.13188, Table 1 and Figure 3; the authors' code (MichaelFan01/STDC-Seg, MIT) was
    read for what the strided module pools.

    Shapes: from an image (N, 3, H, W) to maps (N, 256, H/8, W/8), (N, 512, H/16, W/16) and (N, 1024, H/32, W/32), each
    size rounded up.

    Args:
        repeats: modules in stages 3 to 5: (2, 2, 2) for STDC1, (4, 5, 3) for STDC2.
    """

    channels = _WIDTHS

    def __init__(self, repeats: tuple[int, int, int]) -> None:
        super().__init__()
        before = 64
        stages = []
        for width, count in zip(_WIDTHS, repeats, strict=True):
            modules = [_StridedModule(before, width), *(_Module(width) for _ in range(count - 1))]
            stages.append(nn.Sequential(*modules))
            before = width
        self.to_eighth = nn.Sequential(conv_norm(3, 32, stride=2), conv_norm(32, 64, stride=2), stages[0])
        self.to_sixteenth = stages[1]
        self.to_thirtysecond = stages[2]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The maps at an eighth, a sixteenth and a thirty-second of the image's size."""
        eighth = self.to_eighth(image)
        sixteenth = self.to_sixteenth(eighth)
        return eighth, sixteenth, self.to_thirtysecond(sixteenth)


class _Module(nn.Module):
    """Figure 3(b): a 1x1 to half the width and three 3x3 of a quarter, an eighth and an eighth, all concatenated."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels // 2, 1)
        self.rest = _dense(channels)

    def forward(self, features: Tensor) -> Tensor:
        maps = [self.first(features)]
        for conv in self.rest:
            maps.append(conv(maps[-1]))
        return torch.cat(maps, dim=1)


class _StridedModule(nn.Module):
    """Figure 3(c): the same at half the resolution; the first map is pooled, the others see it through a depthwise."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.first = conv_norm(in_channels, half, 1)
        self.down = conv_norm(half, half, stride=2, groups=half, activation=None)
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.rest = _dense(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        first = self.first(features)
        inner = self.down(first)
        maps = [self.pool(first)]
        for conv in self.rest:
            inner = conv(inner)
            maps.append(inner)
        return torch.cat(maps, dim=1)


def _dense(channels: int) -> nn.ModuleList:
    widths = (channels // 2, channels // 4, channels // 8, channels // 8)
    return nn.ModuleList(conv_norm(before, after) for before, after in itertools.pairwise(widths))
