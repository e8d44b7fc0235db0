"""BiSeNet, version 1, with ResNet-18; and what STDC-Seg takes over from it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from lpsnet.peers.backbones.resnet18 import ResNet18
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import enlarged
from lpsnet.registry import NETWORKS

CONTEXT_WIDTH = 128
FUSED_WIDTH = 256


@NETWORKS.register("bisenetv1-r18")
class BiSeNetV1(Peer):
    """A spatial path of three strided convolutions and a context path of ResNet-18 with attention.

    Source: Yu et al. 2018, arXiv 1808.00897, Figures 2 and 3; CoinCheung/BiSeNet (MIT) was read where the paper is
    silent: two attention refinement modules, convolutions behind them, and the heads' widths.

    Published: 74.7% mIoU on Cityscapes' test split, 65.5 FPS at 768x1536 (Titan Xp).

    Counts at 19 classes, without auxiliary heads: 13.24 M parameters, 118.3 GMACs at 1024x2048. Others count 13.28 M
    parameters at the same MACs: they must lie where the map is a single pixel, and the definition above has none there.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        num_classes: score maps.
    """

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            conv_norm(3, 64, 7, stride=2),
            conv_norm(64, 64, stride=2),
            conv_norm(64, 64, stride=2),
            conv_norm(64, CONTEXT_WIDTH, 1),
        )
        self.backbone = ResNet18()
        self.context = ContextPath(self.backbone.channels[1:])
        self.fuse = FeatureFusion(2 * CONTEXT_WIDTH)
        self.head = head(FUSED_WIDTH, 256, num_classes)
        self.auxiliary.extend(head(CONTEXT_WIDTH, 64, num_classes) for _ in range(2))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on the context path's two maps."""
        eighth, sixteenth, last = self.backbone(image)
        context, coarser = self.context(eighth.shape[-2:], sixteenth, last)
        return [self.head(self.fuse(self.spatial(image), context)), context, coarser]


class ContextPath(nn.Module):
    """The backbone's last two maps, refined by attention, from the coarsest down to an eighth.

    Args:
        channels: of the maps at a sixteenth and a thirty-second.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        sixteenth, last = channels
        self.refine_sixteenth = _AttentionRefinement(sixteenth)
        self.refine_last = _AttentionRefinement(last)
        self.average = conv_norm(last, CONTEXT_WIDTH, 1)
        self.to_sixteenth = conv_norm(CONTEXT_WIDTH, CONTEXT_WIDTH)
        self.to_eighth = conv_norm(CONTEXT_WIDTH, CONTEXT_WIDTH)

    def forward(self, size: torch.Size, sixteenth: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, 128, *size) and (N, 128, H/16, W/16)."""
        # The average is one pixel: adding it is what a nearest-neighbour enlargement and an addition do.
        deepest = self.refine_last(last) + self.average(adaptive_avg_pool2d(last, 1))
        coarser = self.to_sixteenth(enlarged(deepest, sixteenth.shape[-2:], "nearest"))
        finer = self.refine_sixteenth(sixteenth) + coarser
        return self.to_eighth(enlarged(finer, size, "nearest")), coarser


class _AttentionRefinement(nn.Module):
    """ARM, Figure 2(b): a convolution whose channels are weighted by their averages."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv_norm(channels, CONTEXT_WIDTH)
        self.attend = conv_norm(CONTEXT_WIDTH, CONTEXT_WIDTH, 1, activation=nn.Sigmoid)

    def forward(self, features: Tensor) -> Tensor:
        maps: Tensor = self.conv(features)
        refined: Tensor = maps * self.attend(adaptive_avg_pool2d(maps, 1))
        return refined


class FeatureFusion(nn.Module):
    """FFM, Figure 2(c): a 1x1 of both paths, whose channels are weighted by their averages and added again.

    Shapes: two maps with `channels` channels in all to (N, 256, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.join = conv_norm(channels, FUSED_WIDTH, 1)
        squeezed = FUSED_WIDTH // 4
        self.attend = nn.Sequential(
            nn.Conv2d(FUSED_WIDTH, squeezed, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(squeezed, FUSED_WIDTH, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """The fused map."""
        joined: Tensor = self.join(torch.cat((spatial, context), dim=1))
        fused: Tensor = joined + joined * self.attend(adaptive_avg_pool2d(joined, 1))
        return fused


def head(in_channels: int, width: int, num_classes: int) -> nn.Sequential:
    """3x3 - BN - ReLU - 1x1 without bias."""
    return nn.Sequential(conv_norm(in_channels, width), nn.Conv2d(width, num_classes, 1, bias=False))
