"""Bilateral-A: every path receives the transformed features of the others."""

import itertools

from torch import Tensor, nn

from interactions.interaction import Interaction
from interactions.registry import INTERACTIONS
from interactions.resize import resize
from interactions.transformation import transformation


@INTERACTIONS.register("bilateral_a")
class BilateralA(Interaction):
    """x_h' = x_h + U(F_lh(x_l)) and x_l' = x_l + D(F_hl(x_h)): "Bilateral-A" of LPS-Net's Table 3.

    Source: LPS-Net, arXiv 2207.13600, section 3.3 and Figure 6(e): equation 2 with a transformation in each direction.

    Our reading: F is conv - BN - ReLU and comes before the resize ("transforms ... and injects"), so that the one from
    high to low runs at the high resolution; of three or more paths, each receives the sum of all others, as the
    authors' code does for Bilateral-B, and each ordered pair of paths has an F of its own.

    Args:
        channels: channels of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        kernel_size: kernel of F, odd.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, *, paths: int = 2, kernel_size: int = 3) -> None:
        super().__init__(channels, paths)
        directions = itertools.permutations(range(paths), 2)
        self.transformations = nn.ModuleDict(
            {_direction(*pair): transformation(channels, channels, kernel_size) for pair in directions}
        )

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """Add to every path's map what the others send to it."""
        received = list(maps)
        for sender, receiver in itertools.permutations(range(self.paths), 2):
            sent = self.transformations[_direction(sender, receiver)](maps[sender])
            received[receiver] = received[receiver] + resize(sent, maps[receiver].shape[-2:])
        return received


def _direction(sender: int, receiver: int) -> str:
    return f"from_{sender}_to_{receiver}"
