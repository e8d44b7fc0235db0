"""Table 4: the expansion steps 0 to 14 of LPS-Net, S, M and L among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from microbench.experiments.base import EXPERIMENTS, Presentation
from microbench.experiments.network import NetworkChoice, NetworkTable, network_spec
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

if TYPE_CHECKING:
    from microbench.report.accuracy import Accuracy

FULL_RESOLUTION_STEPS = (7, 8, 10)
"""S, M and L are also timed to the class map at the image's size, which is what a user runs."""


@EXPERIMENTS.register("table4")
@dataclass(frozen=True)
class Table4(NetworkTable):
    """Every step by the paper's protocol; S, M and L by the full-resolution protocol too."""

    name = "table4"
    title = "Table 4: the expansion steps of LPS-Net"

    def specs(self) -> list[WorkloadSpec]:
        """Fifteen steps to the score maps."""
        from lpsnet.family import STEPS

        return [
            network_spec(self.name, f"step-{step}", NetworkChoice(architecture), self.resolution, {"step": step})
            for step, architecture in enumerate(STEPS)
        ]

    def refine(self, records: Sequence[Record]) -> list[WorkloadSpec]:
        """Three steps to the class map: a quick run leaves them out."""
        from lpsnet.family import STEPS

        known = {record.name for record in records}
        to_classes = [
            network_spec(
                self.name,
                f"step-{step}",
                NetworkChoice(STEPS[step], protocol="classes"),
                self.resolution,
                {"step": step},
            )
            for step in FULL_RESOLUTION_STEPS
        ]
        return [spec for spec in to_classes if spec.name not in known]

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """The steps beside the published latencies, how well the two columns agree, and Figure 2's plane."""
        from microbench.report.accuracy import accuracy_sentence
        from microbench.report.agreement import agreements
        from microbench.report.figures.table4 import draw_table4
        from microbench.report.tables.table4 import table4

        found = agreements(records)
        accuracies = family_accuracies(folder.parent)
        return Presentation(
            table=table4(records),
            findings=(
                *(agreement.sentence for agreement in found),
                *(f"{name}: {accuracy_sentence([accuracy])}" for name, accuracy in accuracies.items()),
            ),
            data={"agreement": [agreement.as_json() for agreement in found]},
            figures=draw_table4(records, accuracies, folder / self.name, machine=folder.name),
        )


def family_accuracies(results: Path) -> dict[str, Accuracy]:
    """Of LPS-Net-S, M and L, as far as they are trained, by those names."""
    from microbench.report.accuracy import read_accuracies

    return {f"LPS-Net-{size.upper()}": found for size, found in read_accuracies(results, "lpsnet", "sml").items()}
