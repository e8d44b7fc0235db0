"""PIDNet-S."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from lpsnet.peers.ddrnet import pooled_scales
from lpsnet.peers.dual_residual import (
    BasicUnit,
    BottleneckUnit,
    basic_stage,
    pre_activated,
    segmentation_head,
    shared_stem,
)
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import enlarged
from lpsnet.registry import NETWORKS

_WIDTH = 32
_PYRAMID_WIDTH = 96
_HEAD_WIDTH = 128


@NETWORKS.register("pidnet-s")
class PidNet(Peer):
    """Three branches, for detail, context and boundary, joined by the boundary branch's attention.

    Source: Xu, Xiong and Bhattacharyya 2023, arXiv 2206.02066, Table 1 and Figures 4 to 6 (PIDNet-S); the authors' code
    (XuJiacong/PIDNet, MIT) was read for the places of BN and ReLU.

    Published: 78.8% mIoU on Cityscapes' val split, 93.2 FPS at 1024x2048 (RTX 3090, BN removed while timed).

    Counts at 19 classes, without auxiliary heads: 7.626 M parameters, 47.19 GMACs at 1024x2048.

    Deviation: the boundary branch's own head and loss are left out of training; the head on the detail branch is there.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        num_classes: score maps.
    """

    auxiliary_weight = 0.4

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        width, detail = _WIDTH, 2 * _WIDTH
        self.stem = shared_stem(width)
        self.context_3 = basic_stage(detail, 4 * width, 3, stride=2)
        self.context_4 = basic_stage(4 * width, 8 * width, 3, stride=2)
        self.context_5 = nn.Sequential(
            BottleneckUnit(8 * width, 8 * width, stride=2, ends_in_relu=False),
            BottleneckUnit(16 * width, 8 * width),
        )
        self.detail_3 = basic_stage(detail, detail, 2)
        self.detail_4 = basic_stage(detail, detail, 2)
        self.detail_5 = BottleneckUnit(detail, detail)
        self.boundary_3 = BasicUnit(detail, width, ends_in_relu=False)
        self.boundary_4 = BottleneckUnit(width, width)
        self.boundary_5 = BottleneckUnit(detail, detail)
        self.compress_3 = conv_norm(4 * width, detail, 1, activation=None)
        self.compress_4 = conv_norm(8 * width, detail, 1, activation=None)
        self.select_3 = _PixelAttention(detail, width)
        self.select_4 = _PixelAttention(detail, width)
        self.difference_3 = conv_norm(4 * width, width, activation=None)
        self.difference_4 = conv_norm(8 * width, detail, activation=None)
        self.pyramid = _ParallelPyramid(16 * width, _PYRAMID_WIDTH, 4 * width)
        self.fuse = _BoundaryAttention(4 * width)
        self.head = segmentation_head(4 * width, _HEAD_WIDTH, num_classes)
        self.auxiliary.append(segmentation_head(detail, _HEAD_WIDTH, num_classes))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: one head, on the detail branch behind the first selection."""
        shared = self.stem(image)
        detail, boundary = self.detail_3(shared), self.boundary_3(shared)
        size = boundary.shape[-2:]
        context = relu(self.context_3(shared))
        detail = selected = self.select_3(detail, self.compress_3(context))
        boundary = boundary + enlarged(self.difference_3(context), size)

        context = relu(self.context_4(context))
        detail = self.select_4(self.detail_4(relu(detail)), self.compress_4(context))
        boundary = self.boundary_4(relu(boundary)) + enlarged(self.difference_4(context), size)

        detail, boundary = self.detail_5(relu(detail)), self.boundary_5(relu(boundary))
        context = enlarged(self.pyramid(self.context_5(context)), size)
        return [self.head(self.fuse(detail, context, boundary)), selected]


class _PixelAttention(nn.Module):
    """Pag, Figure 5: how alike the branches are at a pixel decides how much of the context joins the detail."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.of_detail = conv_norm(channels, width, 1, activation=None)
        self.of_context = conv_norm(channels, width, 1, activation=None)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        size = detail.shape[-2:]
        likeness = self.of_detail(detail) * enlarged(self.of_context(context), size)
        share = torch.sigmoid(likeness.sum(dim=1, keepdim=True))
        return (1 - share) * detail + share * enlarged(context, size)


class _ParallelPyramid(nn.Module):
    """PAPPM, Figure 6: as DDRNet's pyramid, its scales refined side by side in one grouped convolution."""

    def __init__(self, in_channels: int, branch: int, out_channels: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(pre_activated(in_channels, branch) for _ in range(5))
        self.refine = pre_activated(4 * branch, 4 * branch, 3, groups=4)
        self.compress = pre_activated(5 * branch, out_channels)
        self.shortcut = pre_activated(in_channels, out_channels)

    def forward(self, features: Tensor) -> Tensor:
        own = self.scales[0](features)
        pooled = [
            enlarged(scale(average), features.shape[-2:]) + own
            for scale, average in zip(self.scales[1:], pooled_scales(features), strict=True)
        ]
        refined = self.refine(torch.cat(pooled, dim=1))
        compressed: Tensor = self.compress(torch.cat((own, refined), dim=1)) + self.shortcut(features)
        return compressed


class _BoundaryAttention(nn.Module):
    """Light-Bag, Figure 7: detail counts at boundaries, context elsewhere."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.of_detail = conv_norm(channels, channels, 1, activation=None)
        self.of_context = conv_norm(channels, channels, 1, activation=None)

    def forward(self, detail: Tensor, context: Tensor, boundary: Tensor) -> Tensor:
        edge = torch.sigmoid(boundary)
        fused: Tensor = self.of_detail((1 - edge) * context + detail) + self.of_context(context + edge * detail)
        return fused
