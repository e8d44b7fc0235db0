"""ResNet-18."""

from torch import Tensor, nn

from blocks.residual import Residual
from lpsnet.peers.layers import conv_norm

_WIDTHS = (64, 128, 256, 512)


class ResNet18(nn.Module):
    """ResNet-18 without its classifier: 11,176,512 parameters.

    Source: He et al. 2016, arXiv 1512.03385, Table 1.

    Shapes: from an image (N, 3, H, W) to maps (N, 128, H/8, W/8), (N, 256, H/16, W/16) and (N, 512, H/32, W/32), each
    size rounded up.
    """

    channels = (128, 256, 512)

    def __init__(self) -> None:
        super().__init__()
        before = _WIDTHS[0]
        stages = []
        for width in _WIDTHS:
            stages.append(nn.Sequential(Residual(before, width, 1 if width == before else 2), Residual(width, width)))
            before = width
        stem = [conv_norm(3, _WIDTHS[0], 7, stride=2), nn.MaxPool2d(3, stride=2, padding=1)]
        self.to_eighth = nn.Sequential(*stem, *stages[:2])
        self.to_sixteenth = stages[2]
        self.to_thirtysecond = stages[3]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The maps at an eighth, a sixteenth and a thirty-second of the image's size."""
        eighth = self.to_eighth(image)
        sixteenth = self.to_sixteenth(eighth)
        return eighth, sixteenth, self.to_thirtysecond(sixteenth)
