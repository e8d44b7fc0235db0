"""The layers that the blocks are chains of: "same"-padded convolutions and their normalisation.

No convolution has a bias: a batch norm follows, which would cancel it, or the block leaves norms out on purpose.
"""

from torch import nn


def convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """A k×k convolution for odd k, to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
    # An explicit padding, as PyTorch's padding="same" refuses strides.
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)


def pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 1×1 convolution, which keeps H and W."""
    return convolution(in_channels, out_channels, 1)


def depthwise(channels: int, stride: int = 1, *, multiplier: int = 1) -> nn.Conv2d:
    """A 3×3 convolution that computes `multiplier` output channels from each input channel alone."""
    return nn.Conv2d(channels, channels * multiplier, 3, stride, padding=1, groups=channels, bias=False)


def normalised(conv: nn.Conv2d, activation: type[nn.ReLU | nn.ReLU6] | None = None) -> nn.Sequential:
    """`conv`, a batch norm of its output and, where one is given, an activation."""
    norm = nn.BatchNorm2d(conv.out_channels)
    if activation is None:
        return nn.Sequential(conv, norm)
    # In place is safe, as nothing else reads the norm's output, and saves a feature map of memory and its traffic.
    return nn.Sequential(conv, norm, activation(inplace=True))
