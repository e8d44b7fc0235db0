"""SFNet with DF1 and DF2."""

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from interactions.resize import resize
from lpsnet.peers.backbones.dfnet import DfNet, df1, df2
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import binned_average
from lpsnet.registry import NETWORKS

_WIDTH = 64
_BINS = (1, 2, 3, 6)


class SfNet(Peer):
    """A feature pyramid whose coarse maps are not enlarged in place but along a flow that is learnt: "semantic flow".

    Source: Li et al. 2020, arXiv 2002.10120, Figures 3 and 4; the authors' code (lxtGH/SFSegNets, whose licence we did
    not find) was read for the widths and for the pyramid's 1x1 convolutions.

    Published: with DF1 74.5% mIoU on Cityscapes' test split, 121 FPS at 1024x2048 (GTX 1080 Ti, TensorRT); with DF2
    70.4% on CamVid's and 134.1 FPS.

    Counts at 19 classes, with DF1: 8.42 M parameters, 32.7 GMACs at 1024x2048.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, h, w), with DF1 of 1/16 and with DF2 of 1/8 of the
    image's size.

    Args:
        backbone: DF1 or DF2.
        num_classes: score maps.
    """

    def __init__(self, backbone: DfNet, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        *finer, last = backbone.channels
        self.pyramid = _PyramidPooling(last)
        self.project = nn.ModuleList(conv_norm(channels, _WIDTH, 1) for channels in finer)
        self.align = nn.ModuleList(_FlowAlignment() for _ in finer)
        self.refine = nn.ModuleList(conv_norm(_WIDTH, _WIDTH) for _ in finer)
        self.head = nn.Sequential(conv_norm(_WIDTH * len(backbone.channels), _WIDTH), nn.Conv2d(_WIDTH, num_classes, 1))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class; the authors train with heads on the pyramid, which are left out."""
        *finer, last = self.backbone(image)
        coarse = self.pyramid(last)
        levels = [coarse]
        for level in reversed(range(len(finer))):
            own = self.project[level](finer[level])
            coarse = own + self.align[level](own, coarse)
            levels.insert(0, self.refine[level](coarse))
        size = levels[0].shape[-2:]
        return [self.head(torch.cat([resize(maps, size) for maps in levels], dim=1))]


class _FlowAlignment(nn.Module):
    """FAM, Figure 3: both maps, narrowed, yield a flow field, along which the coarse one is sampled."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow_coarse = nn.Conv2d(_WIDTH, _WIDTH // 2, 1, bias=False)
        self.narrow_own = nn.Conv2d(_WIDTH, _WIDTH // 2, 1, bias=False)
        self.flow = nn.Conv2d(_WIDTH, 2, 3, padding=1, bias=False)

    def forward(self, own: Tensor, coarse: Tensor) -> Tensor:
        """The coarse map (N, 64, ..) at the own map's size."""
        height, width = (int(side) for side in own.shape[-2:])
        narrow = resize(self.narrow_coarse(coarse), (height, width))
        flow = self.flow(torch.cat((narrow, self.narrow_own(own)), dim=1))
        # From pixels of the fine map to grid_sample's coordinates of -1 to 1, as the authors scale them.
        places = flow.permute(0, 2, 3, 1) / torch.tensor([width, height], dtype=flow.dtype, device=flow.device)
        return grid_sample(coarse, _grid(height, width, flow) + places, align_corners=True)


def _grid(height: int, width: int, like: Tensor) -> Tensor:
    """The places of all pixels, x before y, (1, height, width, 2)."""
    x = torch.linspace(-1, 1, width, dtype=like.dtype, device=like.device).expand(height, width)
    y = torch.linspace(-1, 1, height, dtype=like.dtype, device=like.device).unsqueeze(1).expand(height, width)
    return torch.stack((x, y), dim=2).unsqueeze(0)


class _PyramidPooling(nn.Module):
    """Averages over 1, 2, 3 and 6 parts a side, each through a 1x1, beside the map itself, then a 1x1 (PSPNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_norm(channels, _WIDTH, 1, activation=None) for _ in _BINS)
        self.join = nn.Sequential(conv_norm(channels + len(_BINS) * _WIDTH, _WIDTH, 1), nn.Dropout2d(0.1))

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 64, H, W)."""
        parts = (branch(binned_average(maps, bins)) for branch, bins in zip(self.branches, _BINS, strict=True))
        joined: Tensor = self.join(torch.cat((*(resize(part, maps.shape[-2:]) for part in parts), maps), dim=1))
        return joined


@NETWORKS.register("sfnet-df1")
def sfnet_df1(num_classes: int = 19) -> SfNet:
    """SFNet with DF1."""
    return SfNet(df1(), num_classes)


@NETWORKS.register("sfnet-df2")
def sfnet_df2(num_classes: int = 19) -> SfNet:
    """SFNet with DF2."""
    return SfNet(df2(), num_classes)
