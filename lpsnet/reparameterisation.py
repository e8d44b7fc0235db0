"""The two forms of a network's layers: those that are trained, and the fewer and plainer ones that are deployed."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from blocks.conv3x3 import Conv3x3
from blocks.layers import convolution, normalised, pointwise


class ReparameterisedConv3x3(nn.Module):
    """RepVGG's train form of a 3×3 convolution: ReLU of the sum of conv 3×3 - BN, conv 1×1 - BN and BN alone.

    The branch of BN alone is there where the shape is kept: at stride 1 and equal widths. In evaluation mode all three
    are linear, so that they fold to one 3×3 convolution with a bias.

    Source: RepVGG, Ding et al. 2021, arXiv 2101.03697, sections 3.2 and 3.3; LPS-Net, arXiv 2207.13600, section 4.2.

    Shapes: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Args:
        conv: the 3×3 convolution of the first branch, without a bias.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        stride = conv.stride[0]
        keeps_shape = stride == 1 and conv.in_channels == conv.out_channels
        self.spatial = normalised(conv)
        self.point = normalised(convolution(conv.in_channels, conv.out_channels, 1, stride))
        self.identity = nn.BatchNorm2d(conv.out_channels) if keeps_shape else None
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """ReLU of the branches' sum."""
        total = self.spatial(features) + self.point(features)
        if self.identity is not None:
            total = total + self.identity(features)
        output: Tensor = self.activation(total)
        return output

    def folded(self) -> nn.Sequential:
        """The deploy form: conv 3×3 with bias - ReLU, equal to this module in evaluation mode."""
        conv = _fused_pair(self.spatial)
        points = [_fused_pair(self.point)]
        if self.identity is not None:
            unit = pointwise(conv.in_channels, conv.out_channels).to(conv.weight)
            nn.init.dirac_(unit.weight)
            points.append(_fused_pair(nn.Sequential(unit, self.identity).eval()))
        biases = [branch.bias for branch in (conv, *points) if branch.bias is not None]
        # A 1×1 kernel is a 3×3 one that is zero but for its centre.
        kernels = [conv.weight, *(pad(point.weight, (1, 1, 1, 1)) for point in points)]
        conv.weight = nn.Parameter(torch.stack(kernels).sum(0))
        conv.bias = nn.Parameter(torch.stack(biases).sum(0))
        return nn.Sequential(conv, nn.ReLU(inplace=True))


def train_form(block: nn.Module) -> nn.Module:
    """The train form of a new `block`: RepVGG's for a 3×3 convolution with its BN, the block itself for all others."""
    if isinstance(block, Conv3x3) and len(block) > 1:
        conv = block[0]
        assert isinstance(conv, nn.Conv2d)
        return ReparameterisedConv3x3(conv)
    return block


def folded(module: nn.Module) -> nn.Module:
    """The deploy form of a module in evaluation mode; `module` is used up.

    Re-parameterised convolutions become plain ones, and wherever a BN follows a convolution in an `nn.Sequential`, the
    convolution takes it in and gains a bias. All other layers stay.
    """
    if isinstance(module, ReparameterisedConv3x3):
        return module.folded()
    # A subclass with a forward of its own may do anything with its children.
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        return _folded_chain(module)
    for name, child in module.named_children():
        setattr(module, name, folded(child))
    return module


def _folded_chain(chain: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = []
    for child in chain:
        previous = layers[-1] if layers else None
        if isinstance(child, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(previous, child)
        else:
            layers.append(folded(child))
    return nn.Sequential(*layers)


def _fused_pair(pair: nn.Sequential) -> nn.Conv2d:
    """The convolution that conv - BN amounts to."""
    (conv,) = _folded_chain(pair)
    assert isinstance(conv, nn.Conv2d)
    return conv
