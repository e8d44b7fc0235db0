"""ICNet with ResNet-50."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from interactions.resize import resize
from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import binned_average
from lpsnet.registry import NETWORKS

_BINS = (1, 2, 3, 6)
_FUSED = 128


@NETWORKS.register("icnet")
class ICNet(Peer):
    """Three branches that see the image whole, at a half and at a quarter of its sides, fused from the coarsest up.

    Source: Zhao et al. 2018, arXiv 1704.08545, Figures 2 and 3, with the unpruned ResNet-50 (He et al. 2016) and the
    pyramid of PSPNet (arXiv 1612.01105). The paper leaves the stem and the pyramid's widths open; they are those of
    PyPI's pytorchcv (MIT), whose weights were trained by the GluonCV project: a stem of three 3x3 convolutions, strides
    in the 3x3 of a bottleneck, and 1x1 convolutions without bias as classifiers.

    Published: 69.5% mIoU on Cityscapes' test split, 30.3 FPS at 1024x2048 (Titan X Maxwell, Caffe), with half of the
    filters pruned away after training, which this is not.

    Counts at 19 classes: 47,489,184 parameters and 128.7 GMACs at 1024x2048 with the two auxiliary classifiers;
    47,484,320 and 128.6 without.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ~H/4, ~W/4): twice the finest map's size.

    Args:
        num_classes: score maps.
    """

    auxiliary_weight = 0.4

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.fine = nn.Sequential(conv_norm(3, 32, stride=2), conv_norm(32, 32, stride=2), conv_norm(32, 64, stride=2))
        stem = (conv_norm(3, 64, stride=2), conv_norm(64, 64), conv_norm(64, 128), nn.MaxPool2d(3, 2, padding=1))
        self.middle = nn.Sequential(*stem, _stage(128, 256, 3), _stage(256, 512, 4, stride=2))
        self.coarse = nn.Sequential(
            _stage(512, 1024, 6, dilation=2), _stage(1024, 2048, 3, dilation=4), _PyramidPooling(2048)
        )
        self.reduce = nn.Sequential(conv_norm(4096, 512), nn.Dropout(0.1), conv_norm(512, 256, 1))
        self.reduce_middle = conv_norm(512, 256, 1)
        self.fuse_middle = _CascadeFusion(256, 256)
        self.fuse_fine = _CascadeFusion(_FUSED, 64)
        self.head = _classifier(num_classes)
        self.auxiliary.extend(_classifier(num_classes) for _ in range(2))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on what the two fusions make of the coarser map."""
        middle = self.middle(_halved(image))
        coarse = self.reduce(self.coarse(_halved(middle)))
        fused, from_coarse = self.fuse_middle(coarse, self.reduce_middle(middle))
        fused, from_middle = self.fuse_fine(fused, self.fine(image))
        height, width = fused.shape[-2:]
        return [self.head(resize(fused, (2 * height, 2 * width))), from_middle, from_coarse]


class _CascadeFusion(nn.Module):
    """CFF, Figure 3: a dilated 3x3 on the enlarged coarse map and a 1x1 on the fine one, added; then ReLU."""

    def __init__(self, coarse_channels: int, fine_channels: int) -> None:
        super().__init__()
        self.coarse = conv_norm(coarse_channels, _FUSED, dilation=2, activation=None)
        self.fine = conv_norm(fine_channels, _FUSED, 1, activation=None)

    def forward(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """The fused map (N, 128, h, w) and what is made of the coarse one, of the same shape."""
        enlarged = self.coarse(resize(coarse, fine.shape[-2:]))
        return relu(enlarged + self.fine(fine)), enlarged


class _PyramidPooling(nn.Module):
    """PSPNet's Figure 3(c): averages over 1, 2, 3 and 6 parts a side, each through a 1x1, beside the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_norm(channels, channels // len(_BINS), 1) for _ in _BINS)

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2C, H, W)."""
        parts = (branch(binned_average(maps, bins)) for branch, bins in zip(self.branches, _BINS, strict=True))
        return torch.cat((maps, *(resize(part, maps.shape[-2:]) for part in parts)), dim=1)


class _Bottleneck(nn.Module):
    """ResNet's bottleneck with the stride, and a dilation, in its 3x3."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = out_channels // 4
        self.residual = nn.Sequential(
            conv_norm(in_channels, width, 1),
            conv_norm(width, width, stride=stride, dilation=dilation),
            conv_norm(width, out_channels, 1, activation=None),
        )
        changes = stride > 1 or in_channels != out_channels
        self.shortcut = conv_norm(in_channels, out_channels, 1, stride, activation=None) if changes else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        return relu(self.residual(maps) + self.shortcut(maps))


def _stage(in_channels: int, out_channels: int, units: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A stage of ResNet-50; in a dilated one the first unit has half of the dilation."""
    first = _Bottleneck(in_channels, out_channels, stride, max(1, dilation // 2))
    return nn.Sequential(first, *(_Bottleneck(out_channels, out_channels, 1, dilation) for _ in range(units - 1)))


def _classifier(num_classes: int) -> nn.Module:
    return nn.Conv2d(_FUSED, num_classes, 1, bias=False)


def _halved(maps: Tensor) -> Tensor:
    height, width = maps.shape[-2:]
    return resize(maps, (height // 2, width // 2))
