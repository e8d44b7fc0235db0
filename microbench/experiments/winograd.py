"""A controlled experiment: does the ratio of Figure 4 rest on Winograd's algorithm?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.block_switch import block_specs, block_switch
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

ON, OFF = "ncnn", "ncnn-direct"
"""The runtime in which Winograd's algorithm is allowed, and the one in which it is not."""


@EXPERIMENTS.register("winograd")
class Winograd(Experiment):
    """Figure 4's blocks, alone and in chains, in ncnn with Winograd's algorithm and without it.

    Winograd's algorithm (Lavin and Gray 2016, arXiv 1509.09308) computes a 3x3 convolution of stride 1 by up to four
    times fewer multiplications than its MACs, and has nothing to save in a depthwise or a 1x1 convolution. Other
    runtimes have no such switch; of TensorRT's rows the tactics are listed that are Winograd's by their names.
    """

    name = "winograd"
    title = "Winograd's algorithm on and off: does the ratio of Figure 4 rest on it?"
    in_all = False
    runtimes = (ON, OFF)

    def specs(self) -> list[WorkloadSpec]:
        """A single block and three longer chains of each."""
        return block_specs(self.name)

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Figure 4's bars of both arms, and whether the switch changes the ratio."""
        from microbench.report.controlled.kernels import winograd_tactics
        from microbench.report.tables.blocks import block_table

        compared = block_switch(records, (ON, OFF), "Winograd's algorithm", folder / self.name, machine=folder.name)
        tactics = [
            f"{record.configuration.runtime} {record.configuration.precision}, {record.name}: "
            + (", ".join(winograd_tactics(record)) or "no tactic of Winograd's by its name")
            for record in records
            if record.configuration.runtime == "tensorrt" and record.measurement is not None
        ]
        return Presentation(
            table=block_table(records, (), compared.costs),
            findings=(*(conclusion.sentence for conclusion in compared.conclusions), *tactics),
            data={"conclusions": [conclusion.as_json() for conclusion in compared.conclusions], **compared.data},
            figures=compared.figures,
        )
