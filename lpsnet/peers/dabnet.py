"""DABNet."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from lpsnet.peers.peer import Peer
from lpsnet.registry import NETWORKS

_FIRST_DILATIONS = (2, 2, 2)
_SECOND_DILATIONS = (4, 4, 8, 8, 16, 16)


@NETWORKS.register("dabnet")
class DabNet(Peer):
    """Depthwise asymmetric bottlenecks at 1/4 and 1/8, with the shrunk image joined in at every level.

    Source: Li et al. 2019, arXiv 1907.11357, Table 1 and Figures 2 and 3; the authors' code (Reagan1311/DABNet, MIT)
    was read for BN's epsilon and the pooling of the image.

    Published: 70.1% mIoU on Cityscapes' test split, 104.2 FPS at 512x1024 (GTX 1080 Ti).

    Counts: 756,643 parameters at 19 classes.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, H/8, W/8). H and W must be multiples of 8: the
    strided convolutions round up where the pooling beside them rounds down.

    Args:
        num_classes: score maps.
    """

    multiple = 8

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_conv(3, 32, stride=2), *_conv(32, 32), *_conv(32, 32))
        self.norm_1 = _norm(32 + 3)
        self.down_1 = _Down(32 + 3, 64)
        self.stage_1 = nn.Sequential(*(_Bottleneck(64, dilation) for dilation in _FIRST_DILATIONS))
        self.norm_2 = _norm(2 * 64 + 3)
        self.down_2 = _Down(2 * 64 + 3, 128)
        self.stage_2 = nn.Sequential(*(_Bottleneck(128, dilation) for dilation in _SECOND_DILATIONS))
        self.norm_3 = _norm(2 * 128 + 3)
        self.classify = nn.Conv2d(2 * 128 + 3, num_classes, 1, bias=False)

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class; there is no auxiliary head."""
        half = _halved(image)
        quarter = _halved(half)
        eighth = _halved(quarter)
        at_quarter = self.down_1(self.norm_1(torch.cat((self.stem(image), half), dim=1)))
        joined = torch.cat((self.stage_1(at_quarter), at_quarter, quarter), dim=1)
        at_eighth = self.down_2(self.norm_2(joined))
        joined = torch.cat((self.stage_2(at_eighth), at_eighth, eighth), dim=1)
        return [self.classify(self.norm_3(joined))]


class _Bottleneck(nn.Module):
    """Figure 2(c): 3x3 to half the width, two asymmetric depthwise branches, one of them dilated, and 1x1 back."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = nn.Sequential(*_norm(channels), *_conv(channels, half))
        self.local = _asymmetric(half, 1)
        self.dilated = _asymmetric(half, dilation)
        self.expand = nn.Sequential(*_norm(half), nn.Conv2d(half, channels, 1, bias=False))

    def forward(self, features: Tensor) -> Tensor:
        reduced = self.reduce(features)
        expanded: Tensor = self.expand(self.local(reduced) + self.dilated(reduced))
        return features + expanded


class _Down(nn.Module):
    """A strided 3x3 convolution; where the width grows, it computes the new channels and max pooling keeps the old."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, stride=2) if in_channels < out_channels else None
        new = out_channels - in_channels if self.pool is not None else out_channels
        self.conv = nn.Conv2d(in_channels, new, 3, stride=2, padding=1, bias=False)
        self.norm = _norm(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        maps = self.conv(features)
        if self.pool is not None:
            maps = torch.cat((maps, self.pool(features)), dim=1)
        normalised: Tensor = self.norm(maps)
        return normalised


def _norm(channels: int) -> nn.Sequential:
    """BN and PReLU."""
    return nn.Sequential(nn.BatchNorm2d(channels, eps=1e-3), nn.PReLU(channels))


def _conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(conv, *_norm(out_channels))


def _asymmetric(channels: int, dilation: int) -> nn.Sequential:
    """Depthwise 3x1 and 1x3, each with BN and PReLU."""
    layers: list[nn.Module] = []
    for kernel, padding, spread in (
        ((3, 1), (dilation, 0), (dilation, 1)),
        ((1, 3), (0, dilation), (1, dilation)),
    ):
        conv = nn.Conv2d(channels, channels, kernel, padding=padding, dilation=spread, groups=channels, bias=False)
        layers += [conv, *_norm(channels)]
    return nn.Sequential(*layers)


def _halved(image: Tensor) -> Tensor:
    return avg_pool2d(image, 3, stride=2, padding=1)
