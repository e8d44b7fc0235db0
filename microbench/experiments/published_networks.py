"""What the tables of published networks share: which networks are timed, at which sizes, and what is shown of them."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from microbench.experiments.base import Experiment, Presentation
from microbench.experiments.network import CLASSES, NetworkChoice, argmax_spec, network_spec
from microbench.experiments.parsing import parse_resolution
from microbench.measure.record import Record
from microbench.measure.workload import Axis, WorkloadSpec

if TYPE_CHECKING:
    from microbench.report.published_speeds import PublishedSpeed

FAMILY = ("lpsnet-s", "lpsnet-m", "lpsnet-l")
"""The networks of the paper's own that stand in its tables; the steps between them are Table 4's."""


@dataclass(frozen=True)
class Case:
    """A network at one size of its image."""

    network: str
    resolution: str
    """E.g. "1024x2048", height first."""


class PublishedNetworks(Experiment):
    """A table of networks whose speeds were published, all timed in one run.

    Each network is timed to its score maps, as the paper's latencies are. What the upsampling of the scores to the
    image's size and the best class of each pixel take is timed side by side with the networks, once for each size of
    score maps, as it is the same for all networks that yield maps of that size: timed with each network again, it
    would double the run.
    """

    whole_networks: ClassVar[bool] = True
    in_all: ClassVar[bool] = False
    """They take as long as all other experiments together."""
    sources: ClassVar[tuple[str, ...]]
    """The published tables, see `microbench.report.published_speeds`."""
    num_classes: ClassVar[int] = CLASSES

    def specs(self) -> list[WorkloadSpec]:
        """Each case to its score maps, and the full-resolution argmax of each size of score maps."""
        return self._specs([*self._published_cases(), *self.further_cases()])

    def quick_specs(self) -> list[WorkloadSpec]:
        """Each network at the resolutions that its speeds were published with, and no others."""
        return self._specs(self._published_cases())

    @abstractmethod
    def further_cases(self) -> list[Case]:
        """What is timed besides the networks at their published resolutions."""

    def published_speeds(self) -> list[PublishedSpeed]:
        """Those of all sources."""
        from microbench.report.published_speeds import published_speeds

        return [speed for table in self.sources for speed in published_speeds(table)]

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """See the base class: as published, then by network and size; without building any network."""
        published = [(case.network, case.resolution) for case in self._published_cases()]
        places = {place: number for number, place in enumerate(published)}

        def place(record: Record) -> tuple[int, str, str]:
            network, resolution = str(record.axes["network"]), str(record.axes["resolution"])
            return places.get((network, resolution), len(places)), network, resolution

        return sorted(records, key=place)

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """The table with the published columns, how far the two orders agree, and both in figures."""
        from microbench.report.accuracy import read_network_accuracies
        from microbench.report.figures.published_networks import draw_published_networks
        from microbench.report.published_order import published_orders
        from microbench.report.speed_front import fronts
        from microbench.report.tables.published_networks import published_networks

        speeds = self.published_speeds()
        names = dict.fromkeys(str(record.axes["network"]) for record in records)
        accuracies = read_network_accuracies(folder.parent, {name: name for name in names})
        orders = published_orders(records, speeds)
        found = fronts(records, speeds, accuracies)
        return Presentation(
            table=published_networks(records, speeds, accuracies),
            findings=(
                *(sentence for order in orders for sentence in order.sentences),
                *(front.sentence for front in found),
            ),
            data={
                "published_order": [order.as_json() for order in orders],
                "front": [front.as_json() for front in found],
            },
            figures=draw_published_networks(records, speeds, accuracies, folder / self.name, machine=folder.name),
        )

    def _published_cases(self) -> list[Case]:
        cases = [Case(s.network, s.resolution) for s in self.published_speeds() if s.network and s.resolution]
        return list(dict.fromkeys(cases))

    def _specs(self, cases: Sequence[Case]) -> list[WorkloadSpec]:
        networks = []
        argmaxes = {}
        for case in dict.fromkeys(cases):
            resolution = parse_resolution(case.resolution)
            choice = NetworkChoice(case.network, num_classes=self.num_classes)
            axes: dict[str, Axis] = {"network": case.network}
            size = score_size(case.network, self.num_classes, resolution)
            if size is not None:
                axes["scores"] = f"{size[0]}x{size[1]}"
                argmaxes[size, resolution] = argmax_spec(self.name, self.num_classes, size, resolution)
            networks.append(network_spec(self.name, case.network, choice, resolution, axes))
        return [*networks, *argmaxes.values()]


SLOW = ("drn-d-22", "drn-d-38")
"""Networks that are timed in the paper's Table 7 alone: at 1024x2048 each would take as long as all others."""


def registered_networks() -> list[str]:
    """S, M and L, and every network that is not of LPS-Net's family, a user's own included; but not the slow ones."""
    import lpsnet
    from lpsnet import family

    left_out = {*family.NAMES, *SLOW}
    return [*FAMILY, *(name for name in lpsnet.NAMES if name not in left_out)]


@functools.cache
def score_size(network: str, num_classes: int, resolution: tuple[int, int]) -> tuple[int, int] | None:
    """Height and width of the network's score maps; None if it cannot be built or refuses the image's size.

    Nothing is computed: the network is built without data.
    """
    import torch

    import lpsnet

    try:
        with torch.device("meta"):
            scores = lpsnet.build(network, num_classes).eval()(torch.empty(1, 3, *resolution))
    except Exception:  # whatever is wrong is said of the row when it is built to be timed
        return None
    return int(scores.shape[-2]), int(scores.shape[-1])
