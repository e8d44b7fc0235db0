"""Fast-SCNN."""

import torch
from torch import Tensor, nn

from blocks.inverted_residual import InvertedResidual
from interactions.resize import resize
from lpsnet.peers.layers import conv_norm, relu
from lpsnet.peers.peer import Peer
from lpsnet.peers.pooling import binned_average
from lpsnet.registry import NETWORKS

_WIDTH = 128
_BINS = (1, 2, 3, 6)


@NETWORKS.register("fast-scnn")
class FastScnn(Peer):
    """A shared "learning to downsample" stem, a deep branch at 1/32 and a fusion at 1/8.

    Source: Poudel, Liwicki and Cipolla 2019, arXiv 1902.04502, Table 1 and Figures 1 and 3.

    Published: 68.0% mIoU on Cityscapes' test split, 123.5 FPS at 1024x2048 (Titan Xp, TensorFlow).

    Deviations, in which we follow the commonest open implementation (Tramac/Fast-SCNN-pytorch, Apache-2.0; read, not
    copied): ReLU in place of ReLU6, no padding in the first convolution, and no dilation in the fusion's depthwise
    convolution. Counts: 1.138 M parameters without auxiliary heads.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)) but for the first
    convolution's missing padding.

    Args:
        num_classes: score maps.
    """

    auxiliary_weight = 0.4

    def __init__(self, num_classes: int = 19) -> None:
        super().__init__()
        self.downsample = nn.Sequential(
            conv_norm(3, 32, stride=2, padding=0), _separable(32, 48, stride=2), _separable(48, 64, stride=2)
        )
        self.deep = nn.Sequential(
            *_bottlenecks(64, 64, 2), *_bottlenecks(64, 96, 2), *_bottlenecks(96, _WIDTH, 1), _PyramidPooling(_WIDTH)
        )
        self.refine_deep = nn.Sequential(
            *conv_norm(_WIDTH, _WIDTH, groups=_WIDTH),
            *conv_norm(_WIDTH, _WIDTH, 1, bias=True, activation=None),
        )
        self.widen_shallow = conv_norm(64, _WIDTH, 1, bias=True, activation=None)
        self.activation = relu()
        self.classify = nn.Sequential(
            _separable(_WIDTH, _WIDTH), _separable(_WIDTH, _WIDTH), nn.Dropout(0.1), nn.Conv2d(_WIDTH, num_classes, 1)
        )
        self.auxiliary.extend(_auxiliary(channels, num_classes) for channels in (64, _WIDTH))

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class: heads on the stem and on the deep branch, as section 4.1 has them."""
        shallow = self.downsample(image)
        deep = self.deep(shallow)
        fused = self.widen_shallow(shallow) + self.refine_deep(resize(deep, shallow.shape[-2:]))
        return [self.classify(self.activation(fused)), shallow, deep]


class _PyramidPooling(nn.Module):
    """Averages over 1, 4, 9 and 36 parts of the map beside the map itself (PSPNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(conv_norm(channels, channels // len(_BINS), 1) for _ in _BINS)
        self.join = conv_norm(2 * channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        size = features.shape[-2:]
        pooled = [
            resize(branch(binned_average(features, bins)), size)
            for branch, bins in zip(self.branches, _BINS, strict=True)
        ]
        joined: Tensor = self.join(torch.cat((features, *pooled), dim=1))
        return joined


def _separable(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3x3 - BN - ReLU - pointwise - BN - ReLU."""
    depthwise = conv_norm(in_channels, in_channels, stride=stride, groups=in_channels)
    return nn.Sequential(*depthwise, *conv_norm(in_channels, out_channels, 1))


def _bottlenecks(in_channels: int, out_channels: int, stride: int) -> list[nn.Module]:
    """Three of MobileNetV2's, with ReLU."""
    widths = (in_channels, out_channels, out_channels)
    strides = (stride, 1, 1)
    return [_with_relu(InvertedResidual(w, out_channels, s)) for w, s in zip(widths, strides, strict=True)]


def _with_relu(block: InvertedResidual) -> InvertedResidual:
    for index, layer in enumerate(block.layers):
        if isinstance(layer, nn.ReLU6):
            block.layers[index] = relu()
    return block


def _auxiliary(channels: int, num_classes: int) -> nn.Sequential:
    return nn.Sequential(conv_norm(channels, 32), nn.Dropout(0.1), nn.Conv2d(32, num_classes, 1))
