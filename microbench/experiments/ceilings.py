"""The roofline's ceilings: what this device and runtime reach at best, to judge the blocks by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec
from microbench.models.build import build_workload
from microbench.report.tables.blocks import ceiling_table

CEILINGS = "ceilings"

_MATRIX_SIDE = 768
_STREAM_VALUES = 16 * 2**20
"""64 MiB in and 64 MiB out: more than the private caches hold."""
_CACHED_VALUES = 96 * 2**10
"""384 KiB in and as much out: within a core's second-level cache on most processors."""


class _Negate(nn.Module):
    """The cheapest operator that no runtime optimises away: one read and one write a value."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Any shape to the same."""
        return -values


@EXPERIMENTS.register(CEILINGS)
class Ceilings(Experiment):
    """A matrix product, and two stream copies: from memory and from cache."""

    name = CEILINGS
    title = "The roofline's ceilings: a matrix product and two stream copies"

    def specs(self) -> list[WorkloadSpec]:
        """Three rows."""
        side = _MATRIX_SIDE
        return [
            _spec("matrix_product", lambda: nn.Linear(side, side, bias=False), (side, side)),
            _spec("stream_copy", _Negate, (_STREAM_VALUES,)),
            _spec("cached_copy", _Negate, (_CACHED_VALUES,)),
        ]

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """A table of peak GMACs/s and GB/s."""
        return Presentation(table=ceiling_table(records))


def _spec(ceiling: str, make: Callable[[], nn.Module], shape: tuple[int, ...]) -> WorkloadSpec:
    return WorkloadSpec(
        experiment=CEILINGS,
        name=ceiling,
        build=lambda: build_workload(ceiling, make, shape),
        axes={"ceiling": ceiling},
    )


def with_ceilings(experiments: Sequence[Experiment]) -> list[Experiment]:
    """The experiments, and the roofline's ceilings last if one of them times single blocks."""
    if all(experiment.whole_networks for experiment in experiments):
        return list(experiments)
    return [*(experiment for experiment in experiments if experiment.name != CEILINGS), Ceilings()]
