"""LiteSeg with its three backbones."""

import torch
from torch import Tensor, nn

from interactions.resize import resize
from lpsnet.peers.backbones.darknet19 import Darknet19
from lpsnet.peers.backbones.mobilenet_v2 import MobileNetV2
from lpsnet.peers.backbones.shufflenet_v1 import ShuffleNetV1
from lpsnet.peers.layers import GlobalContext, conv_norm, separable
from lpsnet.peers.peer import Peer
from lpsnet.registry import NETWORKS

_WIDTH = 96
_RATES = (3, 6, 9)

Backbone = MobileNetV2 | ShuffleNetV1 | Darknet19


class LiteSeg(Peer):
    """A deep atrous spatial pyramid pooling on a light backbone, and a decoder with a short and a long connection.

    Source: Emara, Abd El Munim and Abbas 2019, arXiv 1912.06683. Built from the paper's description; the authors' code
    is non-commercial and none of it is used.

    Published: 67.81% mIoU on Cityscapes' test split with MobileNetV2, and 161 FPS at 640x360. The published GFLOPs
    come from a counter that charges 2k² - 1 for each k x k weight; those here are multiply-accumulates. The published
    parameters of MobileNetV2 and ShuffleNet hold the backbones' classifiers of ImageNet, which segmentation does not
    use: 1,281,000 and 1,537,000.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, h, w), where h and w are those of the backbone's
    low-level map: a quarter of the image's, with ShuffleNet an eighth.

    Args:
        backbone: gives the low-level map and the last one.
        reduced_low: channels to which the low-level map is reduced before it joins; None for as it is.
        num_classes: score maps.
    """

    def __init__(self, backbone: Backbone, reduced_low: int | None, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.pyramid = _DenseAspp(backbone.high_channels)
        low_channels = backbone.low_channels if reduced_low is None else reduced_low
        self.reduce_low = nn.Identity() if reduced_low is None else separable(backbone.low_channels, reduced_low, 1)
        self.decode = nn.Sequential(separable(_WIDTH + low_channels, _WIDTH), separable(_WIDTH, _WIDTH))
        self.classify = nn.Conv2d(_WIDTH, num_classes, 1)

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class; there is no auxiliary head."""
        low, high = self.backbone(image)
        context = resize(self.pyramid(high), low.shape[-2:])
        joined = torch.cat((context, self.reduce_low(low)), dim=1)
        return [self.classify(self.decode(joined))]


class _DenseAspp(nn.Module):
    """Branches of rates 1, 3, 6, 9, the map's average and the map itself ("short connection"), joined by a 1×1.

    Every separable convolution is a depthwise and a pointwise one without anything between them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        dilated = (
            nn.Sequential(separable(channels, _WIDTH, dilation=rate, activation=None), separable(_WIDTH, _WIDTH))
            for rate in _RATES
        )
        self.branches = nn.ModuleList((separable(channels, _WIDTH, 1, activation=None), *dilated))
        self.context = GlobalContext(conv_norm(channels, _WIDTH, 1))
        self.join = separable(channels + (len(self.branches) + 1) * _WIDTH, _WIDTH, 1)

    def forward(self, features: Tensor) -> Tensor:
        branches = [branch(features) for branch in self.branches]
        joined: Tensor = self.join(torch.cat((*branches, self.context(features), features), dim=1))
        return joined


@NETWORKS.register("liteseg-mobilenetv2")
def liteseg_mobilenetv2(num_classes: int = 19) -> LiteSeg:
    """LiteSeg on MobileNetV2: 3,101,707 parameters at 19 classes, 4.305 GMACs at 512x1024."""
    return LiteSeg(MobileNetV2(), None, num_classes)


@NETWORKS.register("liteseg-shufflenet")
def liteseg_shufflenet(num_classes: int = 19) -> LiteSeg:
    """LiteSeg on ShuffleNet, decoded at an eighth: 1,971,451 parameters at 19 classes, 2.245 GMACs at 512x1024."""
    return LiteSeg(ShuffleNetV1(), 48, num_classes)


@NETWORKS.register("liteseg-darknet19")
def liteseg_darknet19(num_classes: int = 19) -> LiteSeg:
    """LiteSeg on Darknet19: 20,545,459 parameters at 19 classes, 57.13 GMACs at 512x1024."""
    return LiteSeg(Darknet19(), 32, num_classes)
