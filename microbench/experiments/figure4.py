"""Figure 4: FLOPs-efficiency of the standard against the depthwise separable convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.sweep import CHAIN_DEPTHS, Axes, BlockChoice, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.timing import CACHE_STATES
from microbench.measure.workload import WorkloadSpec

CONV = BlockChoice("conv3x3", (("bare", True),))
SEPCONV = BlockChoice("sepconv3x3", (("bare", True),))
"""Figure 4 leaves out the activations, and the optional skip connection; so do we, and the batch normalisation."""


@EXPERIMENTS.register("figure4")
class Figure4(Experiment):
    """Both convolutions on a 32 x 128 x 128 map, batch 1: one block, as in the paper, and chains of up to eight.

    From the chains follows what a block costs inside a network, where the conversions at the ends are paid for once.
    """

    name = "figure4"
    title = "Figure 4: FLOPs-efficiency of the standard against the depthwise separable convolution"
    explains_latency = True

    def specs(self) -> list[WorkloadSpec]:
        """A single block and three longer chains of each, with hot caches and on one thread of a CPU with cold ones."""
        axes = Axes(blocks=(CONV, SEPCONV), widths=(32,), resolutions=((128, 128),), depths=CHAIN_DEPTHS)
        return [replace(spec, caches=CACHE_STATES) for spec in axes_to_specs(self.name, axes)]

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """Bars of MMACs/ms with hot and with cold caches, ours and the published ones in panels of their own."""
        from microbench.report.cache_ratio import cache_ratios
        from microbench.report.dataframe import to_dataframe
        from microbench.report.efficiency_ratio import efficiency_ratios, marginal_efficiency_ratios
        from microbench.report.explanation.columns import prediction_sentences, with_explanation
        from microbench.report.figures.figure4 import draw_figure4
        from microbench.report.marginal import marginal_costs
        from microbench.report.tables.blocks import block_table

        single = [record for record in records if record.axes["depth"] == 1]
        costs = marginal_costs(records)
        ratios = [
            *efficiency_ratios(single, CONV.label, SEPCONV.label),
            *marginal_efficiency_ratios(costs, CONV.label, SEPCONV.label),
        ]
        cold = cache_ratios(single, costs)
        return Presentation(
            table=block_table(records, ceilings, costs),
            values=with_explanation(to_dataframe(records), records, ceilings),
            findings=(
                *(ratio.sentence for ratio in ratios),
                *(ratio.sentence for ratio in cold),
                *prediction_sentences(records, ceilings),
            ),
            data={
                "conv_over_sepconv_efficiency": [ratio.as_json() for ratio in ratios],
                "cold_over_hot_latency": [ratio.as_json() for ratio in cold],
                "marginal_costs": [cost.as_json() for cost in costs],
            },
            figures=draw_figure4(to_dataframe(single), costs, ratios, folder / self.name, machine=folder.name),
        )
