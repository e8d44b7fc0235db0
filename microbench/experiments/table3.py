"""Table 3: six path interactions against none, in the network of Table 2 with 3x3 Conv at c = 16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Presentation
from microbench.experiments.network import NetworkChoice, NetworkTable, network_spec
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

WIDTH = 16
"""The channel base c, printed in the paper's section 4.3."""

FIRST_IN_PAPER = "bilateral_b"
"""By mIoU."""


@EXPERIMENTS.register("table3")
@dataclass(frozen=True)
class Table3(NetworkTable):
    """B = {1, 2, 4, 7, 7}, C = {16, 32, 64, 128, 128}, R = {1, 1/4}; only the interaction differs."""

    name = "table3"
    title = "Table 3: multi-path networks with six interactions and none"
    has_accuracy = True

    def specs(self) -> list[WorkloadSpec]:
        """Each interaction after stages 3 and 4."""
        return [
            network_spec(self.name, interaction, choice, self.resolution, {"interaction": interaction, "c": WIDTH})
            for interaction, choice in self.trained_networks().items()
        ]

    def trained_networks(self) -> dict[str, NetworkChoice]:
        """The table's own networks, by their interaction."""
        import interactions
        import lpsnet

        architecture = lpsnet.table2_architecture(WIDTH)
        return {name: NetworkChoice(architecture, interaction=name) for name in interactions.NAMES}

    def accuracy_rows(self, records: Sequence[Record]) -> tuple[str, ...]:
        """See the base class: the paper's interactions, and those that were added."""
        from microbench.report.published import published

        recorded = (str(record.axes["interaction"]) for record in records)
        return tuple(dict.fromkeys([*published(self.name)["interaction"], *sorted(recorded)]))

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """See the base class."""
        rows = self.accuracy_rows(records)
        return sorted(records, key=lambda record: rows.index(str(record.axes["interaction"])))

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Latency, and what each interaction adds to it."""
        from microbench.report.accuracy import read_accuracies
        from microbench.report.accuracy_notes import accuracy_notes
        from microbench.report.added_latency import added_latency
        from microbench.report.tables.table3 import table3

        added = added_latency(records)
        accuracies = read_accuracies(folder.parent, self.name, self.accuracy_rows(records))
        return Presentation(
            table=table3(records, added, accuracies),
            findings=tuple(accuracy_notes(accuracies, FIRST_IN_PAPER)),
            data={"added_latency": [row.as_json() for row in added]},
        )
