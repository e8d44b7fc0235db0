"""The best that this device and runtime reach, to compare the blocks with, and what each kind of kernel costs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.measure.record import Record
from microbench.measure.workload import Workload, WorkloadSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

CEILINGS = "ceilings"


@dataclass(frozen=True)
class Layer:
    """A convolution of stride 1."""

    in_channels: int
    out_channels: int
    window: int = 3
    groups: int = 1


_MATRIX_SIDE = 768
_STREAM_VALUES = 16 * 2**20
"""64 MiB in and 64 MiB out: more than the private caches hold."""
_CACHED_VALUES = 96 * 2**10
"""384 KiB in and as much out: within a core's second-level cache on most processors."""
_SHARED_VALUES = 2**20
"""4 MiB in and 4 MiB out: beyond the second level, and within the third on most processors."""

_MAP = (128, 128)
"""(height, width) of the maps of Figures 4 and 5: what a conversion of layout costs depends on it."""
_SMALL_MAP = (2, 2)
"""Next to no work: such a chain takes what starting a run and its kernels takes."""

KERNEL_GRAPHS: Mapping[str, tuple[tuple[Layer, ...], tuple[int, int]]] = {
    "start": ((Layer(16, 16, 1),), _SMALL_MAP),
    "start_8": ((Layer(16, 16, 1),) * 8, _SMALL_MAP),
    **{f"depthwise_{c}": ((Layer(c, c, groups=c),), _MAP) for c in (16, 32, 48, 64)},
    "depthwise_48_8": ((*(Layer(48, 48, groups=48),) * 8, Layer(48, 12, 1)), _MAP),
    "pointwise_48_12": ((Layer(48, 12, 1),), _MAP),
    "pointwise_48_4": ((*(Layer(48, 48, 1),) * 4, Layer(48, 12, 1)), _MAP),
    "conv3x3_28_4": ((*(Layer(28, 28),) * 4, Layer(28, 12, 1)), _MAP),
    "conv3x3_60": ((Layer(60, 60), Layer(60, 12, 1)), _MAP),
    **{
        f"conv3x3_{i}_{o}": ((Layer(i, o),), _MAP)
        for i, o in ((1, 2), (2, 1), (4, 12), (7, 5), (10, 14), (14, 10), (18, 18))
    },
}
"""Graphs from which the costs of kernels are found: layers and map. No row of Figure 4 or 5 is among them. A depthwise
convolution alone is mostly the conversions at its ends; a chain is mostly one kind of kernel, and ends in 12 channels,
which are quickly converted. Widths of a few channels, and such as are no multiple of four (18), get kernels of their
own in ONNX Runtime. See `microbench.report.explanation.costs`."""


@EXPERIMENTS.register(CEILINGS)
@dataclass(frozen=True)
class Ceilings(Experiment):
    """A matrix product, three copies, from caches and from memory, and chains of each kind of convolution."""

    name = CEILINGS
    title = "Ceilings: a matrix product, copies, and the cost of each kind of kernel"

    kernels: bool = True
    """Whether to measure what kernels cost, too: a sweep has its rows timed sooner without."""

    def specs(self) -> list[WorkloadSpec]:
        """The ceilings of the roofline first."""
        side = _MATRIX_SIDE
        return [
            _spec("matrix_product", _matrix_product, (side, side)),
            _spec("stream_copy", _negation, (_STREAM_VALUES,)),
            _spec("cached_copy", _negation, (_CACHED_VALUES,)),
            _spec("shared_copy", _negation, (_SHARED_VALUES,)),
            *(
                replace(
                    _spec(name, functools.partial(_chain, layers), (1, layers[0].in_channels, *size)), devices=("cpu",)
                )
                for name, (layers, size) in (KERNEL_GRAPHS if self.kernels else {}).items()
            ),
        ]

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """A table of peak GMACs/s and GB/s."""
        from microbench.report.tables.blocks import ceiling_table

        return Presentation(table=ceiling_table(records))


def _matrix_product() -> nn.Module:
    from torch import nn

    return nn.Linear(_MATRIX_SIDE, _MATRIX_SIDE, bias=False)


def _negation() -> nn.Module:
    """The cheapest operator that no runtime optimises away: one read and one write a value."""
    from torch import nn

    class Negate(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return -values

    return Negate()


def _chain(layers: Sequence[Layer]) -> nn.Module:
    from torch import nn

    return nn.Sequential(
        *(
            nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.window,
                padding=layer.window // 2,
                groups=layer.groups,
                bias=False,
            )
            for layer in layers
        )
    )


def _spec(ceiling: str, make: Callable[[], nn.Module], shape: tuple[int, ...]) -> WorkloadSpec:
    def build() -> Workload:
        from microbench.models.build import build_workload

        return build_workload(ceiling, make, shape)

    return WorkloadSpec(
        experiment=CEILINGS,
        name=ceiling,
        build=build,
        axes={"ceiling": ceiling},
    )


def with_ceilings(experiments: Sequence[Experiment], *, kernels: bool = True) -> list[Experiment]:
    """The experiments, and the ceilings last if one of them times single blocks and compares no runtimes.

    Args:
        experiments: what to time.
        kernels: whether to add what kernels cost for experiments that are compared with it; it is added anyway where
            the ceilings are among the experiments.
    """
    if all(experiment.whole_networks or experiment.runtimes for experiment in experiments):
        return list(experiments)
    others = [experiment for experiment in experiments if experiment.name != CEILINGS]
    compared = kernels and any(experiment.explains_latency for experiment in others)
    return [*others, Ceilings(kernels=compared or len(others) < len(experiments))]
