"""The convolutional transformation F and the attention Att of LPS-Net's interactions."""

from torch import nn

from blocks.layers import convolution, normalised
from microbench.errors import InputError


def transformation(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """F: k×k convolution - BN - ReLU.

    The paper (arXiv 2207.13600, section 3.3) calls F a "convolutional transformation" and prints neither its kernel nor
    its layers: this is our reading.

    Args:
        in_channels: channels of the input map.
        out_channels: channels of the output map.
        kernel_size: k, odd and at least 1.

    Raises:
        InputError: `kernel_size` is not an odd integer of at least 1.
    """
    if type(kernel_size) is not int or kernel_size < 1 or kernel_size % 2 == 0:
        raise InputError(f"kernel_size must be an odd integer of at least 1, not {kernel_size!r}.")
    return normalised(convolution(in_channels, out_channels, kernel_size), nn.ReLU)


def attention(channels: int) -> nn.Sequential:
    """Att: conv 3×3 - BN - ReLU - conv 1×1 - sigmoid, from (N, C, H, W) to (N, 1, H, W) in 0..1.

    Source: hierarchical multi-scale attention, Tao et al. 2020, arXiv 2005.10821, section 3: one number for each pixel.
    Its hidden width of 256 is that of another network: C instead is our reading.
    """
    return nn.Sequential(*transformation(channels, channels, 3), convolution(channels, 1, 1), nn.Sigmoid())
