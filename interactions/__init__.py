"""The path interactions of LPS-Net's Table 3, by name.

An interaction maps the paths' feature maps, from the highest resolution to the lowest, to new ones of the same shapes.
Each lives in a file of its own, which registers itself: a new file in this folder shows up in `NAMES` and in every
table. Its class takes `channels` and the keyword `paths`, and best derives from `interactions.interaction.Interaction`.
"""

from typing import TYPE_CHECKING, Any

from torch import nn

from interactions.registry import INTERACTIONS
from interactions.resize import resize
from microbench.errors import require_positive
from microbench.registry import late_names

__all__ = ["NAMES", "make", "resize"]

INTERACTIONS.discover(__name__, __path__)

# Table 3's order; a newcomer's name follows.
_TABLE_ORDER = ("none", "direct_a", "direct_b", "attention_a", "attention_b", "bilateral_a", "bilateral_b")


if TYPE_CHECKING:
    NAMES: tuple[str, ...]
else:
    __getattr__ = late_names(__name__, lambda: INTERACTIONS.ordered(_TABLE_ORDER))


def make(name: str, channels: int, *, paths: int = 2, **options: Any) -> nn.Module:
    """Build the interaction called `name`.

    Args:
        name: one of `NAMES`.
        channels: channels C of every path's map, at least 1.
        paths: how many paths exchange features, at least 1. One path has no other to hear from: every interaction then
            returns its map unchanged.
        **options: the interaction's own keyword options; see its class.

    Returns:
        A module from a list of `paths` maps (N, C, H_i, W_i), from the highest resolution to the lowest, to a list of
        the same shapes.

    Raises:
        InputError: unknown name or option, or a value that is out of its range.
    """
    require_positive("channels", channels)
    require_positive("paths", paths)
    interaction = INTERACTIONS.make(name, channels, paths, **options)
    # Built all the same, for its checks; not used, as distributed training refuses parameters that nothing depends on.
    return interaction if paths > 1 else INTERACTIONS.make("none", channels, 1)
