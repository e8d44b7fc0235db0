"""Bilateral-B: every path receives the features of the others, LPS-Net's own interaction."""

from torch import Tensor

from interactions.interaction import Interaction, without
from interactions.registry import INTERACTIONS
from interactions.resize import resize


@INTERACTIONS.register("bilateral_b")
class BilateralB(Interaction):
    """x_h' = x_h + U(x_l) and x_l' = x_l + D(x_h): "Bilateral-B" of LPS-Net's Table 3, without parameters.

    Source: LPS-Net, arXiv 2207.13600, equation 2 and Figure 6(f). Of three paths each receives the sum of the other
    two, as in the authors' code; more follow the same rule.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2) -> None:
        super().__init__(channels, paths)

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """Add to every path's map the maps of the others."""
        return [
            sum((resize(other, features.shape[-2:]) for other in without(maps, receiver)), start=features)
            for receiver, features in enumerate(maps)
        ]
