"""What the tables of whole networks share: the networks as workloads, and the size of their image."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from microbench.errors import InputError
from microbench.experiments.base import EXPERIMENTS, Experiment
from microbench.experiments.parsing import parse_resolution
from microbench.measure.workload import Axis, Workload, WorkloadSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lpsnet import Architecture, Design

PAPER_RESOLUTION = (1024, 2048)
"""(height, width) of the image in Tables 2 to 4."""

CLASSES = 19
"""Of Cityscapes."""

ARGMAX = "argmax"
"""What stands for the network's name in a row of the full-resolution argmax alone."""

Protocol = Literal["scores", "classes"]
"""What a run ends in: the score maps, as the paper's latencies do, or each pixel's class at the image's full size."""


@dataclass(frozen=True)
class NetworkChoice:
    """A network of random weights in its deploy form."""

    architecture: Architecture | str
    """Or the name of a network, one of `lpsnet.NAMES`."""
    block: str = "conv3x3"
    interaction: str = "bilateral_b"
    protocol: Protocol = "scores"
    num_classes: int = CLASSES

    def design(self, num_classes: int) -> Design:
        """The network for training on a data set of so many classes."""
        import lpsnet

        return lpsnet.network_design(self.architecture, num_classes, self.block, self.interaction)

    def make(self) -> nn.Module:
        """Build it."""
        import lpsnet

        network = lpsnet.build(self.architecture, self.num_classes, self.block, self.interaction, deploy=True)
        return lpsnet.FullResolutionArgmax(network) if self.protocol == "classes" else network


def network_spec(
    experiment: str, name: str, choice: NetworkChoice, resolution: tuple[int, int], axes: Mapping[str, Axis]
) -> WorkloadSpec:
    """The spec of a network on one image.

    Args:
        experiment: whose row it is.
        name: unique within the experiment, but for the resolution and the protocol, which are added.
        choice: the network.
        resolution: (height, width) of the image in pixels.
        axes: the row's place in its table.
    """
    size = f"{resolution[0]}x{resolution[1]}"
    full_name = f"{name}/{size}/{choice.protocol}"

    def build() -> Workload:
        from microbench.models.build import build_workload

        return build_workload(full_name, choice.make, (1, 3, *resolution), _export, whole_network=True)

    return WorkloadSpec(
        experiment=experiment,
        name=full_name,
        build=build,
        axes={**axes, "resolution": size, "protocol": choice.protocol},
    )


def argmax_spec(
    experiment: str, num_classes: int, scores: tuple[int, int], resolution: tuple[int, int]
) -> WorkloadSpec:
    """The spec of what follows a network's scores where a user wants the class of each pixel.

    Args:
        experiment: whose row it is.
        num_classes: score maps.
        scores: (height, width) of the score maps.
        resolution: (height, width) of the image in pixels.
    """
    small, large = (f"{height}x{width}" for height, width in (scores, resolution))
    name = f"argmax/{small}/{large}"

    def make() -> nn.Module:
        import lpsnet

        return lpsnet.UpsampledArgmax(resolution)

    def build() -> Workload:
        from microbench.models.build import build_workload

        return build_workload(name, make, (1, num_classes, *scores), whole_network=True)

    axes: dict[str, Axis] = {"network": ARGMAX, "scores": small, "resolution": large, "protocol": "argmax"}
    return WorkloadSpec(experiment=experiment, name=name, build=build, axes=axes)


def _export(network: nn.Module, image: torch.Tensor) -> bytes:
    import lpsnet

    buffer = io.BytesIO()
    lpsnet.export_onnx(network, buffer, tuple(image.shape[-2:]))
    return buffer.getvalue()


@dataclass(frozen=True)
class NetworkTable(Experiment):
    """A table of whole networks, all on images of one size."""

    whole_networks: ClassVar[bool] = True

    resolution: tuple[int, int] = field(
        default=PAPER_RESOLUTION,
        metadata={"help": "Height x width of the image in pixels [default: 1024x2048].", "parse": parse_resolution},
    )
    """(height, width) in pixels."""

    def at_resolution(self, resolution: tuple[int, int]) -> Self:
        """The same table with an image of `resolution` (height, width)."""
        return dataclasses.replace(self, resolution=resolution)


def make_experiments(names: Sequence[str], resolution: tuple[int, int] | None = None) -> list[Experiment]:
    """The experiments called `names`, those of whole networks at `resolution` (height, width) if it is given.

    Raises:
        InputError: an unknown name, or a resolution that none of them takes.
    """
    experiments = [EXPERIMENTS.make(name) for name in dict.fromkeys(names)]
    if resolution is None:
        return experiments
    if not any(isinstance(experiment, NetworkTable) for experiment in experiments):
        raise InputError(f"resolution is an option of whole networks, and {', '.join(names)} has none.")
    return [
        experiment.at_resolution(resolution) if isinstance(experiment, NetworkTable) else experiment
        for experiment in experiments
    ]
