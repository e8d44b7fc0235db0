"""Figure 5: latency, MACs and efficiency of 3x3 convolutions against the channel width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.figure4 import CONV
from microbench.experiments.sweep import Axes, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

DEPTHS = (1, 2, 4)
"""Of the chains from which the cost of one more block is estimated: the fewest that show whether they lie on a line.
With eight blocks as well the widths of both panels would take twice the time, and not all be timed side by side."""

PANELS = {"a": tuple(range(1, 18)), "b": tuple(range(8, 73, 8))}
"""The widths of Figure 5(a) and 5(b)."""


@EXPERIMENTS.register("figure5")
class Figure5(Experiment):
    """3x3 convolutions from c to c channels on 128 x 128 maps, batch 1: one, as in the paper, and chains of up to four.

    From the chains follows what one more costs inside a network, where the conversions at the ends are paid for once.
    """

    name = "figure5"
    title = "Figure 5: latency, MACs and efficiency of 3x3 convolutions against the channel width"
    explains_latency = True

    def specs(self) -> list[WorkloadSpec]:
        """Chains of each width once, also of those that are in both panels."""
        widths = tuple(sorted({width for panel in PANELS.values() for width in panel}))
        return axes_to_specs(self.name, Axes(blocks=(CONV,), widths=widths, resolutions=((128, 128),), depths=DEPTHS))

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """The two panels, each with its efficiency and sweet spots below; and the same of one more inside a network."""
        from microbench.report.dataframe import to_dataframe
        from microbench.report.explanation.columns import prediction_sentences, with_explanation
        from microbench.report.explanation.steps import step_sentences
        from microbench.report.figures.figure5 import draw_figure5
        from microbench.report.marginal import ends_sentences, marginal_costs
        from microbench.report.sweet_spots import curves_of, describe, marginal_curves
        from microbench.report.tables.blocks import block_table

        single = [record for record in records if record.axes["depth"] == 1]
        data = to_dataframe(single)
        costs = marginal_costs(records)
        alone = {
            panel: curves_of(data[data["width"].isin(widths)], f"Figure 5({panel}), ")
            for panel, widths in PANELS.items()
        }
        panel_costs = {
            panel: [cost for cost in costs if cost.axes["width"] in widths] for panel, widths in PANELS.items()
        }
        inside = {panel: marginal_curves(own, f"Figure 5({panel}), ") for panel, own in panel_costs.items()}
        curves = [curve for panels in (alone, inside) for panel in panels.values() for curve in panel]
        return Presentation(
            table=block_table(single, ceilings, costs),
            values=with_explanation(to_dataframe(records), records, ceilings),
            findings=(
                *(describe(curve) for curve in curves),
                *ends_sentences(costs),
                *(
                    sentence
                    for panel in PANELS
                    for sentence in (
                        *step_sentences(alone[panel], [[record] for record in single]),
                        *step_sentences(inside[panel], [cost.rows for cost in panel_costs[panel]]),
                    )
                ),
                *prediction_sentences(records, ceilings),
            ),
            data={
                "sweet_spots": [curve.as_json() for panel in alone.values() for curve in panel],
                "sweet_spots_inside_a_network": [curve.as_json() for panel in inside.values() for curve in panel],
                "marginal_costs": [cost.as_json() for cost in costs],
            },
            figures=draw_figure5(alone, folder / self.name, machine=folder.name, inside=inside),
        )
