"""The convolutional blocks of LPS-Net's Table 2, by name.

A block maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)). Each lives in a file of
its own, which registers itself: a new file in this folder shows up in `NAMES`, in every sweep, table and benchmark.
"""

from typing import TYPE_CHECKING, Any

from torch import nn

from blocks.registry import BLOCKS
from microbench.errors import require_positive
from microbench.registry import late_names

BLOCKS.discover(__name__, __path__)

# Table 2's blocks in the order that the README and the tables use; a newcomer's follow by name.
_TABLE_ORDER = ("conv3x3", "sepconv3x3", "ghost", "inverted_residual", "shufflenet", "residual", "bottleneck")


if TYPE_CHECKING:
    NAMES: tuple[str, ...]
else:
    __getattr__ = late_names(__name__, lambda: BLOCKS.ordered(_TABLE_ORDER))


def make(name: str, in_channels: int, out_channels: int, stride: int = 1, **options: Any) -> nn.Module:
    """Build the block called `name`.

    Args:
        name: one of `NAMES`.
        in_channels: channels of the input map, at least 1.
        out_channels: channels of the output map, at least 1.
        stride: spatial stride, 1 or 2.
        **options: the block's own keyword options; see its class.

    Returns:
        A module from (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).

    Raises:
        InputError: unknown name or option, a width below 1, or a stride, width or option value the block cannot take.
    """
    require_positive("in_channels", in_channels)
    require_positive("out_channels", out_channels)
    require_positive("stride", stride)
    return BLOCKS.make(name, in_channels, out_channels, stride, **options)
