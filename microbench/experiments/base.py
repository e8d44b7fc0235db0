"""What an experiment is. Torch, pandas and the report are imported by its methods, when they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec
from microbench.registry import Extends, Registry

if TYPE_CHECKING:
    import pandas as pd

    from microbench.experiments.network import NetworkChoice


@dataclass(frozen=True)
class Isolated:
    """An experiment, or a part of one, that is run in a process of its own."""

    experiment: Experiment
    environment: Mapping[str, str]
    """Variables of the process, which libraries read once, when they are loaded."""


@dataclass(frozen=True)
class Presentation:
    """What an experiment has to show of its records."""

    table: pd.DataFrame
    """One line a row, for people: rounded, with units in the headings."""
    findings: tuple[str, ...] = ()
    """Sentences that the numbers support."""
    data: dict[str, Any] = field(default_factory=dict)
    """The findings for machines, as JSON values."""
    values: pd.DataFrame | None = None
    """What the table's CSV file holds, one line a record; None for the records' own columns alone."""
    figures: tuple[Path, ...] = ()
    """The files that were written."""


class Experiment(ABC):
    """A figure or table of the paper, or a sweep of the user's own."""

    name: ClassVar[str]
    title: ClassVar[str]
    """One line for `--help` and above the table."""
    in_all: ClassVar[bool] = True
    """Whether `microbench run all` includes it."""
    whole_networks: ClassVar[bool] = False
    """Whether a run takes a tenth of a second rather than a thousandth: such rows are timed on all cores by default, in
    fewer rounds, and without the roofline's ceilings."""
    explains_latency: ClassVar[bool] = False
    """Whether its rows are compared with what their kernels cost, which is then measured beside it."""
    runtimes: ClassVar[tuple[str, ...]] = ()
    """The runtimes that it compares where the user names none; it is then run by itself, and without a roofline."""
    row_budget_s: ClassVar[float | None] = None
    """Its rows' time where the user names none; None for that of all experiments."""
    has_accuracy: ClassVar[bool] = False
    """Whether networks are trained for it: its table then has a column of measured mIoU."""

    @abstractmethod
    def specs(self) -> list[WorkloadSpec]:
        """What to time."""

    def quick_specs(self) -> list[WorkloadSpec]:
        """What to time in a quick run: of most experiments the same."""
        return self.specs()

    def refine(self, records: Sequence[Record]) -> list[WorkloadSpec]:  # noqa: ARG002 - most know at once what to time
        """What else to time now that `records` are known; called again until it is nothing.

        Args:
            records: of this experiment, all in one configuration.
        """
        return []

    def parts(self) -> tuple[Isolated, ...]:
        """What has to run in processes of their own; of most experiments nothing.

        Raises:
            InputError: this machine has none of what the experiment compares.
        """
        return ()

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """The records in the order of the table's rows; rows are measured, and so recorded, in random order.

        Args:
            records: of this experiment; those of one row keep their order.
        """
        names = [*(spec.name for spec in self.specs()), *(record.name for record in records)]
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        return sorted(records, key=lambda record: places[record.name])

    def trained_networks(self) -> dict[str, NetworkChoice]:
        """The networks that are trained for the table, by their row's name; most experiments have none."""
        return {}

    def accuracy_rows(self, records: Sequence[Record]) -> tuple[str, ...]:  # noqa: ARG002
        """The names of the table's rows that show a measured mIoU; most experiments have none.

        Args:
            records: of this experiment; they may hold rows that the paper does not have.
        """
        return ()

    @abstractmethod
    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """Draw the figures into `folder` and make the table.

        Args:
            records: of this experiment's specs, failed ones included.
            ceilings: of the "ceilings" experiment in the same configurations.
            folder: exists.
        """


EXPERIMENTS: Registry[Experiment] = Registry(
    "experiment", "microbench.experiments", Extends(Experiment, ("name", "title"))
)
