"""What the experiments share that ask whether a switch changes the ratio of Figure 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microbench.experiments.figure4 import CONV, SEPCONV
from microbench.experiments.sweep import CHAIN_DEPTHS, Axes, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

if TYPE_CHECKING:
    from microbench.report.controlled.conclusion import Conclusion
    from microbench.report.marginal import MarginalCost


@dataclass(frozen=True)
class BlockSwitch:
    """Figure 4 with a switch on and off."""

    costs: Sequence[MarginalCost]
    """What one more block costs inside a network, in each arm."""
    conclusions: tuple[Conclusion, ...]
    data: dict[str, Any]
    """The changes of the ratio as JSON values."""
    figures: tuple[Path, ...]


def block_specs(experiment: str) -> list[WorkloadSpec]:
    """Figure 4's blocks: a single one and three longer chains of each."""
    axes = Axes(blocks=(CONV, SEPCONV), widths=(32,), resolutions=((128, 128),), depths=CHAIN_DEPTHS)
    return axes_to_specs(experiment, axes)


def block_switch(
    records: Sequence[Record], arms: tuple[str, str], switch: str, stem: Path, *, machine: str
) -> BlockSwitch:
    """Compare both arms, and draw Figure 4 of them.

    Args:
        records: of `block_specs`, in any runtimes.
        arms: the runtimes with the switch on and with it off.
        switch: its name in a sentence.
        stem: path of the figure's files without their suffix.
        machine: what the rows were measured on.
    """
    from microbench.report.controlled.ratio_change import ratio_changes
    from microbench.report.controlled.switch import switched_rows
    from microbench.report.dataframe import to_dataframe
    from microbench.report.efficiency_ratio import efficiency_ratios, marginal_efficiency_ratios
    from microbench.report.figures.figure4 import draw_figure4
    from microbench.report.marginal import marginal_costs

    single = [record for record in records if record.axes["depth"] == 1]
    costs = marginal_costs(records)
    ratios = [
        *efficiency_ratios(single, CONV.label, SEPCONV.label),
        *marginal_efficiency_ratios(costs, CONV.label, SEPCONV.label),
    ]
    changes = [
        (rows.target, change)
        for rows in switched_rows(records, *arms)
        for change in ratio_changes(rows.on, rows.off, CONV.label, SEPCONV.label)
    ]
    return BlockSwitch(
        costs=costs,
        conclusions=tuple(change.conclusion(target, switch) for target, change in changes),
        data={"ratio_changes": [{"target": target, **change.as_json()} for target, change in changes]},
        figures=draw_figure4(to_dataframe(single), costs, ratios, stem, machine=machine),
    )
