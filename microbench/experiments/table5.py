"""Table 5: published networks on Cityscapes' image, at one size and at the sizes of their published speeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Presentation
from microbench.experiments.network import PAPER_RESOLUTION
from microbench.experiments.published_networks import Case, PublishedNetworks, registered_networks
from microbench.measure.record import Record


@EXPERIMENTS.register("table5")
class Table5(PublishedNetworks):
    """Every network that is registered at 1024x2048, and each at the resolution that its speed was published with."""

    name = "table5"
    title = "Table 5: published networks on Cityscapes, timed again in one run"
    sources = ("table5", "peers", "liteseg")

    def further_cases(self) -> list[Case]:
        """Every network at 1024x2048."""
        size = "x".join(map(str, PAPER_RESOLUTION))
        return [Case(network, size) for network in registered_networks()]

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:
        """See the base class; and how much faster LPS-Net-S is than STDC1-Seg50, as the paper claims it."""
        from microbench.report.claimed_speed import claimed_speeds

        shown = super().present(records, ceilings, folder)
        found = claimed_speeds(records, self.published_speeds(), "LPS-Net-S", "STDC1Seg-50")
        return dataclasses.replace(
            shown,
            findings=(*(claim.sentence for claim in found), *shown.findings),
            data={**shown.data, "claimed_speed": [claim.as_json() for claim in found]},
        )
