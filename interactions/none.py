"""No interaction: the baseline of Table 3."""

from torch import Tensor

from interactions.interaction import Interaction
from interactions.registry import INTERACTIONS


@INTERACTIONS.register("none")
class NoInteraction(Interaction):
    """Every path keeps its own map: "Baseline" of LPS-Net's Table 3, and the networks of Table 2.

    Source: LPS-Net, arXiv 2207.13600, section 4.3.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2) -> None:
        super().__init__(channels, paths)

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """The maps as they are."""
        return maps
