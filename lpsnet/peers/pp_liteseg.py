"""PP-LiteSeg-T and -B."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from lpsnet.peers.backbones.stdc import StdcNet
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import binned_average, enlarged
from lpsnet.registry import NETWORKS

_BINS = (1, 2, 4)
_CONTEXT_WIDTH = 128


class PpLiteSeg(Peer):
    """STDC with a light decoder: a pyramid that is summed up, and fusions weighted by attention, of falling width.

    Source: Peng et al. 2022, arXiv 2204.02681, Figures 2 to 4; PaddleSeg (Apache 2.0) was read for the widths and for
    what the attention sees.

    Published, on Cityscapes' test split (GTX 1080 Ti, TensorRT), in the abstract: PP-LiteSeg-T 72.0% mIoU and 273.6 FPS
    (at 512x1024), PP-LiteSeg-B 77.5% and 102.6 FPS (at 768x1536).

    No counts are published to agree with.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        backbone: the STDC network.
        widths: of the decoder's maps at 1/8, 1/16 and 1/32.
        head_widths: of the heads on them.
        num_classes: score maps.
    """

    def __init__(self, backbone: StdcNet, widths: Sequence[int], head_widths: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.pyramid = _SummedPyramid(backbone.channels[-1])
        coarser = (*widths[1:], _CONTEXT_WIDTH)
        self.fuse = nn.ModuleList(
            _AttentionFusion(*channels) for channels in zip(backbone.channels, coarser, widths, strict=True)
        )
        self.head, *auxiliary = (
            nn.Sequential(conv_norm(width, inner), nn.Conv2d(inner, num_classes, 1, bias=False))
            for width, inner in zip(widths, head_widths, strict=True)
        )
        self.auxiliary.extend(auxiliary)

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on the decoder's maps at 1/16 and 1/32."""
        maps = self.backbone(image)
        fused = [self.pyramid(maps[-1])]
        for fuse, own in zip(reversed(self.fuse), reversed(maps), strict=True):
            fused.insert(0, fuse(own, fused[0]))
        return [self.head(fused[0]), *fused[1:-1]]


class _SummedPyramid(nn.Module):
    """SPPM, Figure 4: averages over 1, 2 and 4 parts a side, each through a 1x1, enlarged and added, then a 3x3."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_norm(in_channels, _CONTEXT_WIDTH, 1, bias=True) for _ in _BINS)
        self.out = conv_norm(_CONTEXT_WIDTH, _CONTEXT_WIDTH, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 128, H, W)."""
        averages = (adaptive_avg_pool2d(maps, 1) if bins == 1 else binned_average(maps, bins) for bins in _BINS)
        parts = (
            enlarged(branch(average), maps.shape[-2:]) for branch, average in zip(self.branches, averages, strict=True)
        )
        summed: Tensor = self.out(torch.stack(tuple(parts)).sum(0))
        return summed


class _AttentionFusion(nn.Module):
    """UAFM, Figure 3, with spatial attention: a share of each map at each place, which sum to 1."""

    def __init__(self, own_channels: int, coarse_channels: int, out_channels: int) -> None:
        super().__init__()
        self.project = conv_norm(own_channels, coarse_channels)
        self.attend = nn.Sequential(conv_norm(4, 2), *conv_norm(2, 1, activation=nn.Sigmoid))
        self.out = conv_norm(coarse_channels, out_channels)

    def forward(self, own: Tensor, coarse: Tensor) -> Tensor:
        """(N, own_channels, h, w) and a coarser (N, coarse_channels, ..) to (N, out_channels, h, w)."""
        projected = self.project(own)
        coarse = enlarged(coarse, projected.shape[-2:])
        seen = [reduced for maps in (projected, coarse) for reduced in (maps.mean(1, True), maps.amax(1, True))]
        share = self.attend(torch.cat(seen, dim=1))
        fused: Tensor = self.out(projected * share + coarse * (1 - share))
        return fused


@NETWORKS.register("pp-liteseg-t")
def pp_liteseg_t(num_classes: int = 19) -> PpLiteSeg:
    """PP-LiteSeg-T, with STDC1."""
    return PpLiteSeg(StdcNet((2, 2, 2)), (32, 64, 128), (32, 64, 64), num_classes)


@NETWORKS.register("pp-liteseg-b")
def pp_liteseg_b(num_classes: int = 19) -> PpLiteSeg:
    """PP-LiteSeg-B, with STDC2."""
    return PpLiteSeg(StdcNet((4, 5, 3)), (64, 96, 128), (64, 64, 64), num_classes)
