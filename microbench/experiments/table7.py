"""Table 7: the networks that the paper compares on BDD100K, at its image's size."""

from __future__ import annotations

from microbench.experiments.base import EXPERIMENTS
from microbench.experiments.published_networks import Case, PublishedNetworks


@EXPERIMENTS.register("table7")
class Table7(PublishedNetworks):
    """LPS-Net S, M and L at 720x1280, and of the others those that are built here."""

    name = "table7"
    title = "Table 7: networks on BDD100K at 720x1280"
    sources = ("table7",)

    def further_cases(self) -> list[Case]:
        """None: all are at one size."""
        return []
