"""The map: where one 3x3 convolution costs more than a block of another kind, and where less."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microbench.errors import InputError, require_positive
from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

MAP = "map"

MAP_DEPTHS = (1, 3)
"""Blocks in the two chains from which a marginal cost follows. Of all pairs that take as long or less, this one gives
the slope most precisely where the ends cost little."""

_PIXEL_WEIGHTS = 9
"""Of a 3x3 convolution, for each pair of an input and an output channel."""


@dataclass(frozen=True)
class MapGrid:
    """What the map may cover: every combination is a shape, every shape and block a cell of each panel."""

    blocks: tuple[BlockChoice, ...] = tuple(
        map(BlockChoice, ("sepconv3x3", "ghost", "inverted_residual", "shufflenet", "bottleneck"))
    )
    """Those that the 3x3 convolution is compared with."""
    widths: tuple[int, ...] = (8, 16, 24, 32, 64, 128)
    resolutions: tuple[tuple[int, int], ...] = ((16, 16), (32, 32), (64, 64), (128, 128))
    """(height, width) of the maps in pixels."""
    most_macs: float = 7e8
    """Shapes of which one convolution has more on one image are left out: they would take most of the time."""

    def __post_init__(self) -> None:
        """Sort the axes, and refuse what cannot be measured."""
        if not self.blocks or any(choice.label == CONV.label for choice in self.blocks):
            raise InputError(f"block must name at least one, and not {CONV.label}, which all are compared with.")
        for width in self.widths:
            require_positive("width", width)
        object.__setattr__(self, "widths", tuple(sorted(set(self.widths))))
        object.__setattr__(
            self, "resolutions", tuple(sorted(set(self.resolutions), key=lambda size: size[0] * size[1]))
        )
        if not self.shapes():
            raise InputError(
                f"most-macs must be at least {min(self._macs(w, r) for w in self.widths for r in self.resolutions):g}, "
                f"the MACs of the smallest shape, not {self.most_macs:g}."
            )

    def shapes(self) -> list[tuple[int, tuple[int, int]]]:
        """All (width, resolution) that are not too large."""
        return [(w, r) for w in self.widths for r in self.resolutions if self._macs(w, r) <= self.most_macs]

    def coarse(self) -> list[tuple[int, tuple[int, int]]]:
        """Every other width and resolution, and the ends of each, in an order that spreads over the map at once.

        Of the default widths that leaves 8, 16, 32 and 128.
        """
        widths = [width for i, width in enumerate(self.widths) if i % 2 or i in (0, len(self.widths) - 1)]
        resolutions = self.coarse_resolutions
        chosen = [shape for shape in self.shapes() if shape[0] in widths and shape[1] in resolutions]
        # By diagonals: after any number of them, all widths and all resolutions have had about the same.
        return sorted(
            chosen,
            key=lambda shape: ((widths.index(shape[0]) + resolutions.index(shape[1])) % len(resolutions), shape[0]),
        )

    @property
    def coarse_resolutions(self) -> list[tuple[int, int]]:
        """Every other one, and the last."""
        return [*self.resolutions[:-1:2], self.resolutions[-1]]

    def less_divisible(self) -> list[tuple[int, tuple[int, int]]]:
        """Shapes for the principle of widths: those divisible by a lower power of two than both neighbours, e.g. 24."""
        power = [width & -width for width in self.widths]
        inner = range(1, len(power) - 1)
        chosen = [self.widths[i] for i in inner if power[i] < min(power[i - 1], power[i + 1])]
        return [shape for shape in self.shapes() if shape[0] in chosen and shape[1] in self.coarse_resolutions]

    @staticmethod
    def _macs(width: int, resolution: tuple[int, int]) -> int:
        return _PIXEL_WEIGHTS * width**2 * resolution[0] * resolution[1]


CONV = BlockChoice("conv3x3")


def shape_specs(
    blocks: Sequence[BlockChoice], shape: tuple[int, tuple[int, int]], batch: int, number: int
) -> list[WorkloadSpec]:
    """The rows that are sampled side by side in one shape: the convolution's two chains, and each block's.

    Args:
        blocks: those that the convolution is compared with.
        shape: (channels, (height, width)).
        batch: images a run.
        number: of the pass, from 1. Each pass has rows of its own, so that the convolution of a later one does not take
            the earlier one's place, which blocks were sampled side by side with.
    """
    width, resolution = shape
    axes = Axes(blocks=(CONV, *blocks), widths=(width,), resolutions=(resolution,), batches=(batch,), depths=MAP_DEPTHS)
    return [
        dataclasses.replace(spec, name=f"{spec.name}/pass{number}", axes={**spec.axes, "pass": number})
        for spec in axes_to_specs(MAP, axes)
    ]


@EXPERIMENTS.register(MAP)
@dataclass(frozen=True)
class BreakEvenMap(Experiment):
    """How many blocks of another kind one 3x3 convolution costs inside a network, over widths and resolutions."""

    name = MAP
    title = "The map: how many blocks of another kind one 3x3 convolution costs, over widths, resolutions and settings"
    in_all = False

    grid: MapGrid = field(default_factory=MapGrid)
    batches: tuple[int, ...] = (1,)

    def specs(self) -> list[WorkloadSpec]:
        """The coarse grid's first pass; see `microbench.studies.break_even_map` for what follows from it."""
        return [
            spec
            for shape in self.grid.coarse()
            for batch in self.batches
            for spec in shape_specs(self.grid.blocks, shape, batch, 1)
        ]

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """By block, then by size and pass; what was measured is known from the records alone."""
        sorted_by = ("block", "batch", "width", "depth", "pass")
        return sorted(
            records,
            key=lambda record: (
                *(record.axes[axis] for axis in sorted_by[:3]),
                int(str(record.axes["resolution"]).split("x")[0]),
                *(record.axes[axis] for axis in sorted_by[3:]),
            ),
        )

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Small multiples of the break-even, and where the principles hold."""
        from microbench.report.break_even.cell import map_cells
        from microbench.report.break_even.principles import principle_table, standings
        from microbench.report.break_even.summary import map_findings, map_json
        from microbench.report.figures.map import draw_map

        cells = map_cells(records)
        found = standings(cells, records)
        return Presentation(
            table=principle_table(found),
            findings=tuple(map_findings(cells)),
            data=map_json(cells, found),
            figures=draw_map(cells, folder / self.name, machine=folder.name),
        )
