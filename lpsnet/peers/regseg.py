"""RegSeg."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, relu

from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import enlarged
from lpsnet.registry import NETWORKS

_GROUP_WIDTH = 16
_DILATIONS = ((1,), (1, 2), *((1, 4),) * 4, *((1, 14),) * 7)


@NETWORKS.register("regseg")
class RegSeg(Peer):
    """RegNetY's blocks with two dilations each down to 1/16, and a light decoder at 1/4.

    Source: Gao 2021, arXiv 2111.09957, Tables 1 and 2 and Figures 2, 5 and 6; the author's code (RolandGao/RegSeg, MIT)
    was read for the squeeze-and-excitation's widths.

    Published: 78.3% mIoU on Cityscapes' test split, 37.2 FPS at 1024x2048 (T4, fp16).

    Counts at 19 classes: 3,334,951 parameters (published: 3.34 M), 38.4 GMACs at 1024x2048.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/4), ceil(W/4)).

    Args:
        num_classes: score maps.
    """

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.to_quarter = nn.Sequential(conv_norm(3, 32, stride=2), _Block(32, 48, (1,), 2))
        self.to_eighth = nn.Sequential(_Block(48, 128, (1,), 2), _Block(128, 128, (1,)), _Block(128, 128, (1,)))
        self.to_sixteenth = nn.Sequential(
            _Block(128, 256, (1,), 2),
            *(_Block(256, 256, dilations) for dilations in _DILATIONS[:-1]),
            _Block(256, 320, _DILATIONS[-1]),
        )
        self.from_sixteenth = conv_norm(320, 128, 1)
        self.from_eighth = conv_norm(128, 128, 1)
        self.from_quarter = conv_norm(48, 8, 1)
        self.join_eighth = conv_norm(128, 64)
        self.join_quarter = conv_norm(64 + 8, 64)
        self.classify = nn.Conv2d(64, num_classes, 1)

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class; there is no auxiliary head."""
        quarter = self.to_quarter(image)
        eighth = self.to_eighth(quarter)
        deep = enlarged(self.from_sixteenth(self.to_sixteenth(eighth)), eighth.shape[-2:])
        joined = self.join_eighth(self.from_eighth(eighth) + deep)
        joined = torch.cat((enlarged(joined, quarter.shape[-2:]), self.from_quarter(quarter)), dim=1)
        return [self.classify(self.join_quarter(joined))]


class _Block(nn.Module):
    """The D block, Figure 2: 1x1, grouped 3x3 of one or two dilations, squeeze-and-excitation, 1x1, shortcut."""

    def __init__(self, in_channels: int, out_channels: int, dilations: tuple[int, ...], stride: int = 1) -> None:
        super().__init__()
        self.expand = conv_norm(in_channels, out_channels, 1)
        self.spread = nn.Sequential(_SplitConvolution(out_channels, dilations, stride), nn.BatchNorm2d(out_channels))
        squeezed = in_channels // 4
        self.excite = nn.Sequential(
            nn.Conv2d(out_channels, squeezed, 1), nn.ReLU(), nn.Conv2d(squeezed, out_channels, 1), nn.Sigmoid()
        )
        self.project = conv_norm(out_channels, out_channels, 1, activation=None)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            pool = [nn.AvgPool2d(2, 2, ceil_mode=True)] if stride != 1 else []
            self.shortcut = nn.Sequential(*pool, *conv_norm(in_channels, out_channels, 1, activation=None))

    def forward(self, features: Tensor) -> Tensor:
        maps = relu(self.spread(self.expand(features)))
        maps = maps * self.excite(adaptive_avg_pool2d(maps, 1))
        return relu(self.project(maps) + self.shortcut(features))


class _SplitConvolution(nn.Module):
    """Each dilation on an equal share of the channels, in groups of 16."""

    def __init__(self, channels: int, dilations: tuple[int, ...], stride: int) -> None:
        super().__init__()
        share = channels // len(dilations)
        self.parts = nn.ModuleList(
            nn.Conv2d(share, share, 3, stride, dilation, dilation, share // _GROUP_WIDTH, bias=False)
            for dilation in dilations
        )
        self.share = share

    def forward(self, features: Tensor) -> Tensor:
        split = torch.split(features, self.share, dim=1)
        return torch.cat([part(maps) for part, maps in zip(self.parts, split, strict=True)], dim=1)
