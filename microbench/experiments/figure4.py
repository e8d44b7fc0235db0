"""Figure 4: FLOPs-efficiency of the standard against the depthwise separable convolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

CONV = BlockChoice("conv3x3", (("bare", True),))
SEPCONV = BlockChoice("sepconv3x3", (("bare", True),))
"""Figure 4 leaves out the activations, and the optional skip connection; so do we, and the batch normalisation."""


@EXPERIMENTS.register("figure4")
class Figure4(Experiment):
    """Both convolutions on a 32 x 128 x 128 map, batch 1."""

    name = "figure4"
    title = "Figure 4: FLOPs-efficiency of the standard against the depthwise separable convolution"

    def specs(self) -> list[WorkloadSpec]:
        """Two rows."""
        return axes_to_specs(self.name, Axes(blocks=(CONV, SEPCONV), widths=(32,), resolutions=((128, 128),)))

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """Bars of MMACs/ms, ours and the published ones in panels of their own."""
        from microbench.report.dataframe import to_dataframe
        from microbench.report.efficiency_ratio import efficiency_ratios
        from microbench.report.figures.figure4 import draw_figure4
        from microbench.report.tables.blocks import block_table

        data = to_dataframe(records)
        ratios = efficiency_ratios(records, CONV.label, SEPCONV.label)
        return Presentation(
            table=block_table(records, ceilings),
            findings=tuple(ratio.sentence for ratio in ratios),
            data={"conv_over_sepconv_efficiency": [ratio.as_json() for ratio in ratios]},
            figures=draw_figure4(data, folder / self.name),
        )
