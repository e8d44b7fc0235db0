"""BiSeNetV2."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import enlarged
from lpsnet.registry import NETWORKS

_EXPANSION = 6
_WIDTH = 128
_HEAD_WIDTH = 1024
_AUXILIARY_WIDTH = 128


@NETWORKS.register("bisenetv2")
class BiSeNetV2(Peer):
    """A wide shallow detail branch, a narrow deep semantic branch, and an aggregation in which each gates the other.

    Source: Yu et al. 2021, arXiv 2004.02147, Table 1 and Figures 3 to 6; CoinCheung/BiSeNet (MIT) was read where the
    paper is silent: the head's 1024 channels, and ReLU behind the expansions and the aggregation.

    Published: 72.6% mIoU on Cityscapes' test split, 156 FPS at 512x1024 (GTX 1080 Ti, TensorRT).

    Counts at 19 classes, without auxiliary heads: 3.36 M parameters with BN folded, 98.4 GMACs at 1024x2048.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        num_classes: score maps.
    """

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.detail = nn.Sequential(
            *(conv_norm(3, 64, stride=2), conv_norm(64, 64)),
            *(conv_norm(64, 64, stride=2), conv_norm(64, 64), conv_norm(64, 64)),
            *(conv_norm(64, _WIDTH, stride=2), conv_norm(_WIDTH, _WIDTH), conv_norm(_WIDTH, _WIDTH)),
        )
        self.stem = _Stem()
        self.stage_3 = nn.Sequential(_GatherDown(16, 32), _Gather(32))
        self.stage_4 = nn.Sequential(_GatherDown(32, 64), _Gather(64))
        self.stage_5 = nn.Sequential(_GatherDown(64, _WIDTH), *(_Gather(_WIDTH) for _ in range(3)))
        self.embed = _ContextEmbedding()
        self.aggregate = _Aggregation()
        self.head = nn.Sequential(
            conv_norm(_WIDTH, _HEAD_WIDTH), nn.Dropout(0.1), nn.Conv2d(_HEAD_WIDTH, num_classes, 1)
        )
        self.auxiliary.extend(_auxiliary(channels, num_classes) for channels in (16, 32, 64, _WIDTH))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on the semantic branch behind the stem and each stage."""
        quarter = self.stem(image)
        eighth = self.stage_3(quarter)
        sixteenth = self.stage_4(eighth)
        last = self.stage_5(sixteenth)
        fused = self.aggregate(self.detail(image), self.embed(last))
        return [self.head(fused), quarter, eighth, sixteenth, last]


class _Stem(nn.Module):
    """Figure 4(a): to a quarter by a convolution and by pooling, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.first = conv_norm(3, 16, stride=2)
        self.left = nn.Sequential(conv_norm(16, 8, 1), conv_norm(8, 16, stride=2))
        self.right = nn.MaxPool2d(3, stride=2, padding=1)
        self.join = conv_norm(32, 16)

    def forward(self, image: Tensor) -> Tensor:
        first = self.first(image)
        joined: Tensor = self.join(torch.cat((self.left(first), self.right(first)), dim=1))
        return joined


class _Gather(nn.Module):
    """Gather-and-expansion at stride 1, Figure 5(b)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = _EXPANSION * channels
        self.layers = nn.Sequential(
            *conv_norm(channels, channels),
            *conv_norm(channels, wide, groups=channels),
            *conv_norm(wide, channels, 1, activation=None),
        )

    def forward(self, features: Tensor) -> Tensor:
        return relu(features + self.layers(features))


class _GatherDown(nn.Module):
    """Gather-and-expansion at stride 2, Figure 5(c)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        wide = _EXPANSION * in_channels
        self.layers = nn.Sequential(
            *conv_norm(in_channels, in_channels),
            *conv_norm(in_channels, wide, stride=2, groups=in_channels, activation=None),
            *conv_norm(wide, wide, groups=wide),
            *conv_norm(wide, out_channels, 1, activation=None),
        )
        self.shortcut = nn.Sequential(
            *conv_norm(in_channels, in_channels, stride=2, groups=in_channels, activation=None),
            *conv_norm(in_channels, out_channels, 1, activation=None),
        )

    def forward(self, features: Tensor) -> Tensor:
        return relu(self.layers(features) + self.shortcut(features))


class _ContextEmbedding(nn.Module):
    """Figure 4(b): the map's average, added to the map."""

    def __init__(self) -> None:
        super().__init__()
        self.average = nn.Sequential(nn.BatchNorm2d(_WIDTH), *conv_norm(_WIDTH, _WIDTH, 1))
        self.last = conv_norm(_WIDTH, _WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        embedded: Tensor = self.last(features + self.average(features.mean(dim=(2, 3), keepdim=True)))
        return embedded


class _Aggregation(nn.Module):
    """Bilateral guided aggregation, Figure 6."""

    def __init__(self) -> None:
        super().__init__()
        self.detail_keep = _separable()
        self.detail_down = nn.Sequential(
            *conv_norm(_WIDTH, _WIDTH, stride=2, activation=None), nn.AvgPool2d(3, stride=2, padding=1)
        )
        self.semantic_up = conv_norm(_WIDTH, _WIDTH, activation=None)
        self.semantic_keep = _separable()
        self.join = conv_norm(_WIDTH, _WIDTH)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        size = detail.shape[-2:]
        at_detail = self.detail_keep(detail) * torch.sigmoid(enlarged(self.semantic_up(semantic), size, "nearest"))
        at_semantic = self.detail_down(detail) * torch.sigmoid(self.semantic_keep(semantic))
        joined: Tensor = self.join(at_detail + enlarged(at_semantic, size, "nearest"))
        return joined


def _separable() -> nn.Sequential:
    depthwise = conv_norm(_WIDTH, _WIDTH, groups=_WIDTH, activation=None)
    return nn.Sequential(*depthwise, nn.Conv2d(_WIDTH, _WIDTH, 1, bias=False))


def _auxiliary(channels: int, num_classes: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm(channels, _AUXILIARY_WIDTH), nn.Dropout(0.1), nn.Conv2d(_AUXILIARY_WIDTH, num_classes, 1)
    )
