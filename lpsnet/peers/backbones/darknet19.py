"""Darknet19."""

from torch import Tensor, nn

from lpsnet.peers.layers import conv_norm


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.1, inplace=True)


def _conv(in_channels: int, out_channels: int, kernel_size: int, padding: int, dilation: int = 1) -> nn.Sequential:
    return conv_norm(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, activation=_leaky)


class Darknet19(nn.Module):
    """Darknet19 as LiteSeg uses it, its last map at a sixteenth of the image's size: 19,817,376 parameters.

    Source: Redmon and Farhadi 2017, arXiv 1612.08242, Table 6 (channels and kernels).

    As in LiteSeg, and other than in the paper: the last pooling has stride 1 and the 3×3 convolutions behind it are
    dilated. Three 1×1 convolutions pad their map by a pixel to each side, and the dilated convolutions take as much
    away again, so that maps of 1/16 grow for a while. That the last pooling keeps the map's size follows from this;
    that it does so by a 3×3 window is our choice.

    Shapes: from an image (N, 3, H, W) to maps (N, 128, H/4, W/4) and (N, 1024, H/16, W/16), each size rounded down.
    """

    low_channels = 128
    high_channels = 1024

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(
            _conv(3, 32, 3, 1),
            nn.MaxPool2d(2),
            _conv(32, 64, 3, 1),
            nn.MaxPool2d(2),
            _conv(64, 128, 3, 1),
            _conv(128, 64, 1, 0),
            _conv(64, 128, 3, 1),
        )
        self.high = nn.Sequential(
            nn.MaxPool2d(2),
            _conv(128, 256, 3, 1),
            _conv(256, 128, 1, 0),
            _conv(128, 256, 3, 1),
            nn.MaxPool2d(2),
            _conv(256, 512, 3, 1),
            _conv(512, 256, 1, 1),
            _conv(256, 512, 3, 1),
            _conv(512, 256, 1, 1),
            _conv(256, 512, 3, 1),
            nn.MaxPool2d(3, stride=1, padding=1),
            _conv(512, 1024, 3, 1, dilation=2),
            _conv(1024, 512, 1, 1),
            _conv(512, 1024, 3, 1, dilation=2),
            _conv(1024, 512, 1, 0),
            _conv(512, 1024, 3, 1, dilation=2),
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The map at a quarter of the image's size, and the last one."""
        low = self.low(image)
        return low, self.high(low)
