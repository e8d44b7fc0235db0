"""LPS-Net's multi-path network, for any architecture, block and interaction."""

import math

import torch
from torch import Tensor, nn

import blocks
import interactions
from interactions.resize import resize
from interactions.tracing import is_traced
from lpsnet.architecture import FIRST_STRIDES, STAGES
from lpsnet.design import Form, NetworkDesign
from lpsnet.reparameterisation import train_form
from microbench.errors import InputError

IMAGE_CHANNELS = 3


class MultiPathNetwork(nn.Module):
    """Paths of five stages each, which see the image at different resolutions, interact, and share one head.

    Source: LPS-Net, arXiv 2207.13600, section 3.1 and Figure 3; the head, the resizes and the interactions' places are
    those of the authors' code, as the paper leaves them open.

    Shapes: from an image (N, 3, H, W) to score maps (N, num_classes, h, w), where h = ceil(int(r H) / 16), w likewise,
    and r is the highest path's resolution. The scores are not upsampled: see `FullResolutionArgmax`. The image is RGB,
    scaled to 0..1 and normalised by ImageNet's mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225).

    Args:
        design: what the network consists of.
        reparameterised: whether 3×3 convolutions get RepVGG's branches for training.

    Raises:
        InputError: the block or the interaction does not exist or cannot take these widths or options; from `forward`:
            the input is not an image, or so small that a path sees nothing of it.
    """

    def __init__(self, design: NetworkDesign, *, reparameterised: bool = True) -> None:
        super().__init__()
        self.design = design
        self.form: Form = "reparameterised" if reparameterised else "plain"
        ratios = design.architecture.ratios
        # Whole numbers, so that int(r H) is exact, and is recorded in a trace.
        self.ratios = [ratio.as_integer_ratio() for ratio in ratios]
        self.stages = nn.ModuleList(_Stage(design, index, reparameterised) for index in range(STAGES))
        self.head = nn.Conv2d(design.architecture.width[-1] * len(ratios), design.num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Score maps (N, num_classes, h, w) of an image (N, 3, H, W)."""
        if not is_traced() and not torch.compiler.is_compiling():
            self._check(image)
        height, width = image.shape[-2:]
        maps = [image if p == q else resize(image, (height * p // q, width * p // q)) for p, q in self.ratios]
        for stage in self.stages:
            maps = stage(maps)
        high, *lower = maps
        aligned = [high, *(resize(features, high.shape[-2:]) for features in lower)]
        scores: Tensor = self.head(torch.cat(aligned, dim=1))
        return scores

    def _check(self, image: Tensor) -> None:
        if image.dim() != 4 or image.shape[1] != IMAGE_CHANNELS:
            raise InputError(f"image must have the shape (N, 3, H, W), not {tuple(image.shape)}.")
        p, q = self.ratios[-1]
        least = math.ceil(q / p)
        if min(image.shape[-2:]) < least:
            raise InputError(
                f"image must be at least {least} pixels high and wide for a path at {p}/{q} of its size, "
                f"not {image.shape[-2]}x{image.shape[-1]}."
            )


class _Stage(nn.Module):
    """Stage number `index` (from 0) of all paths, and the interaction at its end."""

    def __init__(self, design: NetworkDesign, index: int, reparameterised: bool) -> None:
        super().__init__()
        paths = len(design.architecture.ratios)
        width = design.architecture.width[index]
        self.paths = nn.ModuleList(_chain(design, index, reparameterised) for _ in range(paths))
        if index + 1 in design.interaction_stages:
            self.interaction = interactions.make(design.interaction, width, paths=paths, **design.interaction_options)
        else:
            self.interaction = interactions.make("none", width, paths=paths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """The paths' next maps, from the highest resolution to the lowest, of theirs before."""
        exchanged: list[Tensor] = self.interaction([path(m) for path, m in zip(self.paths, maps, strict=True)])
        return exchanged


def _chain(design: NetworkDesign, index: int, reparameterised: bool) -> nn.Sequential:
    """The blocks of stage number `index` (from 0) of one path."""
    before, width = (IMAGE_CHANNELS, *design.architecture.width)[index : index + 2]
    made = []
    for number in range(design.architecture.depth[index]):
        is_first = number == 0
        in_channels, stride = (before, FIRST_STRIDES[index]) if is_first else (width, 1)
        block = blocks.make(design.block, in_channels, width, stride, **design.block_options)
        made.append(train_form(block) if reparameterised else block)
    return nn.Sequential(*made)
