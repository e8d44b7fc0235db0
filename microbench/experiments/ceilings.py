"""The roofline's ceilings: the best that this device and runtime reach, to compare the blocks with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.measure.record import Record
from microbench.measure.workload import Workload, WorkloadSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

CEILINGS = "ceilings"

_MATRIX_SIDE = 768
_STREAM_VALUES = 16 * 2**20
"""64 MiB in and 64 MiB out: more than the private caches hold."""
_CACHED_VALUES = 96 * 2**10
"""384 KiB in and as much out: within a core's second-level cache on most processors."""


@EXPERIMENTS.register(CEILINGS)
class Ceilings(Experiment):
    """A matrix product, and two stream copies: from memory and from cache."""

    name = CEILINGS
    title = "The roofline's ceilings: a matrix product and two stream copies"

    def specs(self) -> list[WorkloadSpec]:
        """Three rows."""
        side = _MATRIX_SIDE
        return [
            _spec("matrix_product", _matrix_product, (side, side)),
            _spec("stream_copy", _negation, (_STREAM_VALUES,)),
            _spec("cached_copy", _negation, (_CACHED_VALUES,)),
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


def with_ceilings(experiments: Sequence[Experiment]) -> list[Experiment]:
    """The experiments, and the roofline's ceilings last if one of them times single blocks."""
    if all(experiment.whole_networks for experiment in experiments):
        return list(experiments)
    return [*(experiment for experiment in experiments if experiment.name != CEILINGS), Ceilings()]
