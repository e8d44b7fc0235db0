"""Figure 5: latency, MACs and efficiency of 3x3 convolutions against the channel width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.figure4 import CONV
from microbench.experiments.sweep import Axes, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

PANELS = {"a": tuple(range(1, 18)), "b": tuple(range(8, 73, 8))}
"""The widths of Figure 5(a) and 5(b)."""


@EXPERIMENTS.register("figure5")
class Figure5(Experiment):
    """3x3 convolutions from c to c channels on 128 x 128 maps, batch 1."""

    name = "figure5"
    title = "Figure 5: latency, MACs and efficiency of 3x3 convolutions against the channel width"
    explains_latency = True

    def specs(self) -> list[WorkloadSpec]:
        """Each width once, also those that are in both panels."""
        widths = tuple(sorted({width for panel in PANELS.values() for width in panel}))
        return axes_to_specs(self.name, Axes(blocks=(CONV,), widths=widths, resolutions=((128, 128),)))

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """The two panels, each with its efficiency and sweet spots below."""
        from microbench.report.dataframe import to_dataframe
        from microbench.report.explanation.columns import prediction_sentences, with_explanation
        from microbench.report.explanation.steps import step_sentences
        from microbench.report.figures.figure5 import draw_figure5
        from microbench.report.sweet_spots import curves_of, describe
        from microbench.report.tables.blocks import block_table

        data = to_dataframe(records)
        panels = {
            panel: curves_of(data[data["width"].isin(widths)], f"Figure 5({panel}), ")
            for panel, widths in PANELS.items()
        }
        curves = [curve for panel in panels.values() for curve in panel]
        return Presentation(
            table=block_table(records, ceilings),
            values=with_explanation(data, records, ceilings),
            findings=(
                *(describe(curve) for curve in curves),
                *step_sentences(curves, records),
                *prediction_sentences(records, ceilings),
            ),
            data={"sweet_spots": [curve.as_json() for curve in curves]},
            figures=draw_figure5(panels, folder / self.name, machine=folder.name),
        )
