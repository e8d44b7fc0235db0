"""The general sweep: any blocks over widths, resolutions, strides, batch sizes and depths."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microbench.errors import require_positive
from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.measure.record import Record
from microbench.measure.workload import Workload, WorkloadSpec

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BlockChoice:
    """A block with its options, e.g. "inverted_residual:expansion=4"."""

    name: str
    options: tuple[tuple[str, Any], ...] = ()

    @staticmethod
    def parse(text: str) -> BlockChoice:
        """Read "name" or "name:option=value,option=value"; a bare "option" means true.

        Raises:
            InputError: unknown block or option.
        """
        name, _, rest = text.partition(":")
        options = tuple(_option(part) for part in rest.split(",") if part)
        choice = BlockChoice(name, options)
        choice.make(32, 32, 1)
        return choice

    @property
    def label(self) -> str:
        """The text that `parse` reads."""
        options = ",".join(key if value is True else f"{key}={str(value).lower()}" for key, value in self.options)
        return f"{self.name}:{options}" if options else self.name

    def make(self, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        """Build the block; see `blocks.make`."""
        import blocks

        return blocks.make(self.name, in_channels, out_channels, stride, **dict(self.options))


CHAIN_DEPTHS = (1, 2, 4, 8)
"""Blocks in the chains from which the cost of one more block is estimated; see `microbench.report.marginal`."""


def _option(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        return key, True
    literal: dict[str, Any] = {"true": True, "false": False}
    if value in literal:
        return key, literal[value]
    try:
        return key, int(value)
    except ValueError:
        return key, value


@dataclass(frozen=True)
class Axes:
    """What is swept: every combination is one row."""

    blocks: tuple[BlockChoice, ...]
    widths: tuple[int, ...] = (32,)
    """Output channels of the block."""
    in_width: int | None = None
    """Input channels of the first block; as many as its output channels if None."""
    resolutions: tuple[tuple[int, int], ...] = ((128, 128),)
    """(height, width) of the input map in pixels."""
    strides: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1,)
    depths: tuple[int, ...] = (1,)
    """Blocks in a stack; the first carries the stride and the change of width."""

    def __post_init__(self) -> None:
        """Refuse sizes that no block can take, before anything is built."""
        for field_name, values in (("width", self.widths), ("batch", self.batches), ("depth", self.depths)):
            for value in values:
                require_positive(field_name, value)
        if self.in_width is not None:
            require_positive("in-width", self.in_width)
        for height, width in self.resolutions:
            require_positive("resolution's height", height)
            require_positive("resolution's width", width)

    def require_blocks(self) -> None:
        """Build each block once with each stride.

        Raises:
            InputError: no such block, or one that does not take its options or a stride.
        """
        for choice, stride in itertools.product(self.blocks, self.strides):
            choice.make(32, 32, stride)


def axes_to_specs(experiment: str, axes: Axes, **labels: str) -> list[WorkloadSpec]:
    """One spec for each combination of the axes; `labels` are added to every row's axes."""
    combinations = itertools.product(
        axes.blocks, axes.widths, axes.resolutions, axes.strides, axes.batches, axes.depths
    )
    return [_spec(experiment, axes.in_width, *combination, labels) for combination in combinations]


def _spec(
    experiment: str,
    in_width: int | None,
    block: BlockChoice,
    width: int,
    resolution: tuple[int, int],
    stride: int,
    batch: int,
    depth: int,
    labels: dict[str, str],
) -> WorkloadSpec:
    first = width if in_width is None else in_width
    size = f"{resolution[0]}x{resolution[1]}"
    name = f"{block.label}/{first}-{width}/{size}/stride{stride}/batch{batch}/depth{depth}"

    def make() -> nn.Module:
        from torch import nn

        stack = [block.make(first, width, stride), *(block.make(width, width, 1) for _ in range(depth - 1))]
        return nn.Sequential(*stack)

    def build() -> Workload:
        from microbench.models.build import build_workload

        return build_workload(name, make, (batch, first, *resolution))

    return WorkloadSpec(
        experiment=experiment,
        name=name,
        build=build,
        axes={
            "block": block.label,
            "width": width,
            "in_width": first,
            "resolution": size,
            "stride": stride,
            "batch": batch,
            "depth": depth,
            **labels,
        },
    )


def _all_blocks() -> Axes:
    import blocks

    return Axes(tuple(BlockChoice(name) for name in blocks.NAMES))


_SORTED_BY = ("block", "stride", "batch", "depth", "resolution", "width", "in_width")


@EXPERIMENTS.register("sweep")
@dataclass(frozen=True)
class Sweep(Experiment):
    """Blocks of the user's choice over the user's axes."""

    name = "sweep"
    title = "A sweep of blocks over widths, resolutions, strides, batch sizes and depths"
    in_all = False

    axes: Axes | None = None
    """None for every block at a width of 32."""

    def specs(self) -> list[WorkloadSpec]:
        """One for each combination of the axes.

        Raises:
            InputError: see `Axes.require_blocks`.
        """
        axes = _all_blocks() if self.axes is None else self.axes
        axes.require_blocks()
        return axes_to_specs(self.name, axes)

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """See the base class: by block, then by size; what was swept is known from the records alone."""
        return sorted(records, key=lambda record: [record.axes[axis] for axis in _SORTED_BY])

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """Latency and efficiency against width, with sweet spots where a block has at least four widths."""
        from microbench.report.dataframe import to_dataframe
        from microbench.report.explanation.columns import prediction_sentences, with_explanation
        from microbench.report.explanation.steps import step_sentences
        from microbench.report.figures.sweep import draw_sweep
        from microbench.report.marginal import marginal_costs
        from microbench.report.sweet_spots import curves_of, describe, marginal_curves
        from microbench.report.tables.blocks import block_table

        data = to_dataframe(records)
        costs = marginal_costs(records)
        curves = curves_of(data)
        inside = marginal_curves(costs)
        return Presentation(
            table=block_table(records, ceilings, costs),
            values=with_explanation(data, records, ceilings),
            findings=(
                *(describe(curve) for curve in (*curves, *inside)),
                *step_sentences(curves, [[record] for record in records]),
                *step_sentences(inside, [cost.rows for cost in costs]),
                *prediction_sentences(records, ceilings),
            ),
            data={
                "sweet_spots": [curve.as_json() for curve in curves],
                "sweet_spots_inside_a_network": [curve.as_json() for curve in inside],
                "marginal_costs": [cost.as_json() for cost in costs],
            },
            figures=draw_sweep(data, curves, folder / self.name, machine=folder.name),
        )
