"""Table 6: published networks on CamVid's image, whole and at half its sides."""

from __future__ import annotations

from microbench.experiments.base import EXPERIMENTS
from microbench.experiments.published_networks import Case, PublishedNetworks, registered_networks

CAMVID_CLASSES = 11
CAMVID_RESOLUTIONS = ("720x960", "360x480")


@EXPERIMENTS.register("table6")
class Table6(PublishedNetworks):
    """Every network that is registered, at 720x960 and 360x480."""

    name = "table6"
    title = "Table 6: published networks on CamVid, timed again in one run"
    sources = ("table6",)
    num_classes = CAMVID_CLASSES

    def further_cases(self) -> list[Case]:
        """Every network at both sizes."""
        return [Case(network, size) for size in CAMVID_RESOLUTIONS for network in registered_networks()]
