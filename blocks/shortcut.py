"""The frame of ResNet's two blocks: layers beside a shortcut."""

from torch import Tensor, nn

from blocks.layers import convolution, normalised


class ShortcutSum(nn.Module):
    """ReLU of the sum of some layers' output and a shortcut past them.

    The shortcut is the identity or, where the shape changes, a 1×1 projection with batch norm: option B of He et al.
    2016, arXiv 1512.03385, section 4.1.

    Args:
        layers: a chain from (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).
        in_channels: channels of the input map.
        out_channels: channels of the output map.
        stride: the stride of `layers` as a whole.
    """

    def __init__(self, layers: nn.Sequential, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        keeps_shape = stride == 1 and in_channels == out_channels
        self.layers = layers
        self.shortcut = nn.Identity() if keeps_shape else normalised(convolution(in_channels, out_channels, 1, stride))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """ReLU(layers + shortcut)."""
        output: Tensor = self.activation(self.layers(features) + self.shortcut(features))
        return output
