"""Layers of several peers. Convolution, BN and activation make one `nn.Sequential`, so that BN can be folded."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from interactions.resize import resize

Activation = Callable[[], nn.Module]


def relu() -> nn.Module:
    """ReLU, in place."""
    return nn.ReLU(inplace=True)


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    *,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    activation: Activation | None = relu,
) -> nn.Sequential:
    """A convolution, its BN and an activation, if any; "same"-padded unless `padding` says otherwise.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    if padding is None:
        padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(out_channels)]
    return nn.Sequential(*layers, *([activation()] if activation is not None else []))


def separable(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    dilation: int = 1,
    activation: Activation | None = relu,
) -> nn.Sequential:
    """A bias-free depthwise convolution, directly followed by a pointwise one, BN and an activation, if any."""
    padding = dilation * (kernel_size // 2)
    depthwise = nn.Conv2d(
        in_channels, in_channels, kernel_size, padding=padding, dilation=dilation, groups=in_channels, bias=False
    )
    return nn.Sequential(depthwise, *conv_norm(in_channels, out_channels, 1, activation=activation))


class GlobalContext(nn.Module):
    """The map's average through `convolution`, spread over the map's size again: "image pooling"."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W)."""
        return resize(self.convolution(adaptive_avg_pool2d(features, 1)), features.shape[-2:])
