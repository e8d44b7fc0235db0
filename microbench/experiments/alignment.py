"""How well a block's channels fill a processor's vectors."""

from __future__ import annotations

import functools
import math

from microbench.errors import InputError
from microbench.experiments.width_search import alignment_of


@functools.cache
def block_alignment(block: str, c: int) -> int:
    """The largest power of two, 16 at most, that divides the channels of a block from c to c channels.

    Where the block has depthwise convolutions, their channels count: runtimes leave their blocked kernels where these
    do not fill the blocks, while they pad a standard convolution's. Where it has none, c counts. A network whose widths
    are multiples of c is aligned as well or better throughout.

    >>> [block_alignment("inverted_residual", c) for c in (3, 4, 8)]  # depthwise: 18, 24 and 48 channels
    [2, 8, 16]

    Args:
        block: its name.
        c: channels, at least 1.
    """
    import torch
    from torch import nn

    import blocks

    try:
        with torch.device("meta"):
            layers = blocks.make(block, c, c).modules()
    except InputError:
        return 1  # so narrow a block there is not: its row will say so
    grouped = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d) and layer.groups > 1]
    return alignment_of(math.gcd(*grouped) if grouped else c)
