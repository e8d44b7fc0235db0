"""DDRNet-23 and DDRNet-23-slim."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, relu

from lpsnet.peers.dual_residual import BottleneckUnit, basic_stage, pre_activated, segmentation_head, shared_stem
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import enlarged
from lpsnet.registry import NETWORKS

_POOLINGS = ((5, 2), (9, 4), (17, 8))
"""Kernels and strides of Figure 5's averages."""


class DdrNet(Peer):
    """Two branches, at 1/8 and down to 1/64, that exchange their maps twice, and a pooling pyramid on the deep one.

    Source: Hong et al. 2021, arXiv 2101.06085, Table 1 and Figures 3 to 5; the authors' code (ydhongHIT/DDRNet, MIT)
    was read for the places of BN and ReLU.

    Published: 77.4% (slim) and 79.4% mIoU on Cityscapes' test split, 101.6 and 37.1 FPS at 1024x2048 (GTX 2080 Ti, BN
    removed while timed).

    Counts at 19 classes, without the auxiliary head: 5.70 M and 20.15 M parameters, 36.3 and 143.1 GMACs at 1024x2048.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        width: channels of the first stage: 32 (slim) or 64.
        head_width: channels of the heads: 64 or 128.
        num_classes: score maps.
    """

    auxiliary_weight = 0.4

    def __init__(self, width: int, head_width: int, num_classes: int = 19) -> None:
        super().__init__()
        high = 2 * width
        self.stem = shared_stem(width)
        self.low_3 = basic_stage(high, 4 * width, 2, stride=2)
        self.low_4 = basic_stage(4 * width, 8 * width, 2, stride=2)
        self.low_5 = BottleneckUnit(8 * width, 8 * width, stride=2)
        self.high_3 = basic_stage(high, high, 2)
        self.high_4 = basic_stage(high, high, 2)
        self.high_5 = BottleneckUnit(high, high)
        self.compress_3 = conv_norm(4 * width, high, 1, activation=None)
        self.compress_4 = conv_norm(8 * width, high, 1, activation=None)
        self.down_3 = conv_norm(high, 4 * width, stride=2, activation=None)
        self.down_4 = nn.Sequential(
            *conv_norm(high, 4 * width, stride=2), *conv_norm(4 * width, 8 * width, stride=2, activation=None)
        )
        self.pyramid = _DeepPyramid(16 * width, 128, 4 * width)
        self.head = segmentation_head(4 * width, head_width, num_classes)
        self.auxiliary.append(segmentation_head(high, head_width, num_classes))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: one head, on the high branch behind the first exchange."""
        shared = self.stem(image)
        low, high = self.low_3(shared), self.high_3(shared)
        size = high.shape[-2:]
        low, high = (
            low + self.down_3(relu(high)),
            high + enlarged(self.compress_3(relu(low)), size),
        )
        exchanged = high
        low, high = self.low_4(relu(low)), self.high_4(relu(high))
        low, high = (
            low + self.down_4(relu(high)),
            high + enlarged(self.compress_4(relu(low)), size),
        )
        context = enlarged(self.pyramid(self.low_5(relu(low))), size)
        return [self.head(context + self.high_5(relu(high))), exchanged]


class _DeepPyramid(nn.Module):
    """DAPPM, Figure 5: averages of growing windows, each refined on top of the one before."""

    def __init__(self, in_channels: int, branch: int, out_channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(pre_activated(in_channels, branch) for _ in range(len(_POOLINGS) + 2))
        self.refine = nn.ModuleList(pre_activated(branch, branch, 3) for _ in range(len(_POOLINGS) + 1))
        self.compress = pre_activated(branch * len(self.scales), out_channels)
        self.shortcut = pre_activated(in_channels, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        pooled = pooled_scales(features)
        maps = [self.scales[0](features)]
        for scale, refine, average in zip(self.scales[1:], self.refine, pooled, strict=True):
            maps.append(refine(enlarged(scale(average), features.shape[-2:]) + maps[-1]))
        compressed: Tensor = self.compress(torch.cat(maps, dim=1)) + self.shortcut(features)
        return compressed


def pooled_scales(features: Tensor) -> list[Tensor]:
    """Averages over windows of 5, 9 and 17 and over the whole map."""
    local = [avg_pool2d(features, kernel, stride, padding=kernel // 2) for kernel, stride in _POOLINGS]
    return [*local, adaptive_avg_pool2d(features, 1)]


@NETWORKS.register("ddrnet-23-slim")
def ddrnet_23_slim(num_classes: int = 19) -> DdrNet:
    """DDRNet-23-slim."""
    return DdrNet(32, 64, num_classes)


@NETWORKS.register("ddrnet-23")
def ddrnet_23(num_classes: int = 19) -> DdrNet:
    """DDRNet-23."""
    return DdrNet(64, 128, num_classes)
