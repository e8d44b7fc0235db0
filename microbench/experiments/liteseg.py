"""LiteSeg with its three backbones, at the two sizes that its paper speaks of."""

from __future__ import annotations

from microbench.experiments.base import EXPERIMENTS
from microbench.experiments.published_networks import Case, PublishedNetworks
from microbench.measure.workload import WorkloadSpec

BACKBONES = ("mobilenetv2", "shufflenet", "darknet19")
RESOLUTIONS = ("512x1024", "360x640")
"""The one for which the parameters and operations were published, and the one of the published speed."""


@EXPERIMENTS.register("liteseg")
class LiteSeg(PublishedNetworks):
    """LiteSeg, arXiv 1912.06683: each backbone at 512x1024 and 360x640."""

    name = "liteseg"
    title = "LiteSeg: three backbones at 512x1024 and 360x640"
    sources = ("liteseg",)

    def quick_specs(self) -> list[WorkloadSpec]:
        """All of it: six small rows."""
        return self.specs()

    def further_cases(self) -> list[Case]:
        """Every backbone at both sizes."""
        return [Case(f"liteseg-{backbone}", size) for size in RESOLUTIONS for backbone in BACKBONES]
