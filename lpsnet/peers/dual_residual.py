"""Residual units whose last ReLU may be left to the next, as the two and three branches of DDRNet and PIDNet need."""

from torch import Tensor, nn
from torch.nn.functional import relu as activate

from lpsnet.peers.layers import conv_norm

_EXPANSION = 2


class BasicUnit(nn.Module):
    """Two 3x3 convolutions and a shortcut (ResNet), with or without the ReLU at the end."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, *, ends_in_relu: bool = True) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            *conv_norm(in_channels, out_channels, stride=stride),
            *conv_norm(out_channels, out_channels, activation=None),
        )
        self.shortcut = _shortcut(in_channels, out_channels, stride)
        self.ends_in_relu = ends_in_relu

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        total = self.residual(features) + self.shortcut(features)
        return activate(total) if self.ends_in_relu else total


class BottleneckUnit(nn.Module):
    """1x1, 3x3, 1x1 to twice the width and a shortcut, without the ReLU at the end unless asked for."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, *, ends_in_relu: bool = False) -> None:
        super().__init__()
        out_channels = _EXPANSION * width
        self.residual = nn.Sequential(
            *conv_norm(in_channels, width, 1),
            *conv_norm(width, width, stride=stride),
            *conv_norm(width, out_channels, 1, activation=None),
        )
        self.shortcut = _shortcut(in_channels, out_channels, stride)
        self.ends_in_relu = ends_in_relu

    def forward(self, features: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, 2 * width, ceil(H / stride), ceil(W / stride))."""
        total = self.residual(features) + self.shortcut(features)
        return activate(total) if self.ends_in_relu else total


def basic_stage(in_channels: int, out_channels: int, units: int, stride: int = 1) -> nn.Sequential:
    """`units` basic units, of which the last does not end in ReLU."""
    widths = (in_channels, *(out_channels,) * (units - 1))
    return nn.Sequential(
        *(
            BasicUnit(width, out_channels, stride if number == 0 else 1, ends_in_relu=number < units - 1)
            for number, width in enumerate(widths)
        )
    )


def shared_stem(width: int) -> nn.Sequential:
    """What the branches share: two strided convolutions and two stages, to (N, 2 * width, ceil(H / 8), ceil(W / 8))."""
    return nn.Sequential(
        *conv_norm(3, width, stride=2, bias=True),
        *conv_norm(width, width, stride=2, bias=True),
        basic_stage(width, width, 2),
        nn.ReLU(),
        basic_stage(width, 2 * width, 2, stride=2),
        nn.ReLU(),
    )


def segmentation_head(in_channels: int, width: int, num_classes: int) -> nn.Sequential:
    """BN - ReLU - 3x3 - BN - ReLU - 1x1 with bias."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels), nn.ReLU(), *conv_norm(in_channels, width), nn.Conv2d(width, num_classes, 1)
    )


def pre_activated(in_channels: int, out_channels: int, kernel_size: int = 1, *, groups: int = 1) -> nn.Sequential:
    """BN - ReLU - convolution: of the pooling pyramids."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)
    return nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), conv)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return conv_norm(in_channels, out_channels, 1, stride, activation=None)
