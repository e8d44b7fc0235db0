"""Table 8: the networks that the paper compares on embedded devices, at its resolutions."""

from __future__ import annotations

from microbench.experiments.base import EXPERIMENTS
from microbench.experiments.published_networks import Case, PublishedNetworks


@EXPERIMENTS.register("table8")
class Table8(PublishedNetworks):
    """For a Jetson, or whatever device is at hand: `microbench bundle table8` takes it there."""

    name = "table8"
    title = "Table 8: networks on embedded devices"
    sources = ("table8",)

    def further_cases(self) -> list[Case]:
        """None: each is timed at its published resolution alone."""
        return []
