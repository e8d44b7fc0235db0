"""What all interactions share: the check of the maps, and the two ways to go from two paths to more."""

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from interactions.tracing import is_traced
from microbench.errors import InputError, require_positive


class Interaction(nn.Module):
    """An exchange of features between the paths of a multi-path network, which keeps every path's shape.

    Source: LPS-Net, arXiv 2207.13600, section 3.3.

    A subclass writes `exchange`.

    Args:
        channels: channels C of every path's map, at least 1.
        paths: how many paths there are, at least 1.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, paths: int) -> None:
        super().__init__()
        require_positive("channels", channels)
        require_positive("paths", paths)
        self.channels = channels
        self.paths = paths

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Exchange features.

        Args:
            maps: one (N, C, H_i, W_i) for each path i, from the highest resolution to the lowest.

        Returns:
            The paths' new maps, in the same order and of the same shapes.

        Raises:
            InputError: the number of maps, their channels or their order is wrong.
        """
        # In a trace or a compiled graph the sizes are symbols, and every question about them would narrow what the
        # graph is good for.
        if not is_traced() and not torch.compiler.is_compiling():
            self._check(maps)
        return self.exchange(maps) if self.paths > 1 else maps

    @abstractmethod
    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """The definition of the interaction, for two paths or more; `maps` as in `forward`."""

    def _check(self, maps: list[Tensor]) -> None:
        if len(maps) != self.paths:
            raise InputError(f"maps must hold one map for each of the {self.paths} paths, not {len(maps)}.")
        shapes = [tuple(features.shape) for features in maps]
        if any(len(shape) != 4 or shape[1] != self.channels for shape in shapes):
            raise InputError(f"maps must have the shape (N, {self.channels}, H, W), not {shapes}.")
        for axis in (2, 3):
            sides = [shape[axis] for shape in shapes]
            if sides != sorted(sides, reverse=True):
                raise InputError(f"maps must be ordered from the highest resolution to the lowest, not {shapes}.")


class Cascade(Interaction):
    """An interaction that is defined for two paths, applied to neighbouring paths from the lowest one upwards.

    Each step hands the lower path's map to the path above it, whose outcome takes part in the next step. That is how
    the modules cited in section 3.3 treat three inputs: ICNet's cascade feature fusion (Zhao et al. 2018) and
    hierarchical multi-scale attention (Tao et al. 2020). LPS-Net only defines the case of two.

    Args:
        channels: channels C of every path's map, at least 1.
        paths: how many paths there are, at least 1.
        make_pair: builds a module that maps (high, low) to their new (high, low); each step has its own.

    Raises:
        InputError: an argument is out of its range.
    """

    def __init__(self, channels: int, paths: int, make_pair: Callable[[], nn.Module]) -> None:
        super().__init__(channels, paths)
        self.pairs = nn.ModuleList(make_pair() for _ in range(paths - 1))

    def exchange(self, maps: list[Tensor]) -> list[Tensor]:
        """Apply the pairs from the lowest two paths to the highest two."""
        current = list(maps)
        for upper in reversed(range(self.paths - 1)):
            current[upper], current[upper + 1] = self.pairs[upper](current[upper], current[upper + 1])
        return current


def without(maps: list[Tensor], index: int) -> list[Tensor]:
    """The maps of all paths but the one at `index`."""
    return maps[:index] + maps[index + 1 :]
