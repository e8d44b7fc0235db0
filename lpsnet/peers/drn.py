"""DRN-D-22 and DRN-D-38."""

from torch import Tensor, nn
from torch.nn.functional import relu

from lpsnet.peers.layers import conv_norm
from lpsnet.peers.peer import Peer
from lpsnet.registry import NETWORKS


class Drn(Peer):
    """A residual network that keeps an eighth of the resolution by dilation, with convolutions against its gridding.

    Source: Yu, Koltun and Funkhouser 2017, arXiv 1705.09914, Figure 5 (DRN-D) and section 5; fyu/drn (BSD 3-Clause) is
    the authors' code, of which PyPI's pytorchcv (MIT) was read for the counts below.

    Published: no speed of their own; LPS-Net's Table 7 has 53.2% and 55.2% mIoU on BDD100K's val split, 21.0 and 12.9
    FPS at 720x1280 (GTX 1080 Ti, TensorRT).

    Counts, without the 1x1 of the head: 15,880,752 and 25,988,912 parameters, as pytorchcv's without their classifier
    of 1,000 classes.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, ceil(H/8), ceil(W/8)).

    Args:
        units: residual units at 1/4 and, three times, at 1/8: of 64, 128, 256 and 512 channels.
        num_classes: score maps.
    """

    def __init__(self, units: tuple[int, int, int, int], num_classes: int) -> None:
        super().__init__()
        stem = (conv_norm(3, 16, 7), conv_norm(16, 16), conv_norm(16, 32, stride=2))
        at_64, at_128, at_256, at_512 = units
        self.body = nn.Sequential(
            *stem,
            _stage(32, 64, at_64, stride=2),
            _stage(64, 128, at_128, stride=2),
            _stage(128, 256, at_256, dilation=2),
            _stage(256, 512, at_512, dilation=4),
            conv_norm(512, 512, dilation=2),
            conv_norm(512, 512),
        )
        self.head = nn.Conv2d(512, num_classes, 1)

    def features(self, image: Tensor) -> list[Tensor]:
        """See the base class; there is no auxiliary head."""
        return [self.head(self.body(image))]


class _Unit(nn.Module):
    """ResNet's basic unit, dilated."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm(in_channels, out_channels, stride=stride, dilation=dilation),
            conv_norm(out_channels, out_channels, dilation=dilation, activation=None),
        )
        changes = in_channels != out_channels
        self.shortcut = conv_norm(in_channels, out_channels, 1, stride, activation=None) if changes else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        return relu(self.residual(maps) + self.shortcut(maps))


def _stage(in_channels: int, out_channels: int, units: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    first = _Unit(in_channels, out_channels, stride, dilation)
    return nn.Sequential(first, *(_Unit(out_channels, out_channels, 1, dilation) for _ in range(units - 1)))


@NETWORKS.register("drn-d-22")
def drn_d_22(num_classes: int = 19) -> Drn:
    """DRN-D-22."""
    return Drn((2, 2, 2, 2), num_classes)


@NETWORKS.register("drn-d-38")
def drn_d_38(num_classes: int = 19) -> Drn:
    """DRN-D-38."""
    return Drn((3, 4, 6, 3), num_classes)
