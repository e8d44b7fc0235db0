"""All that defines a network but its weights: of a multi-path network, and of any other that has a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lpsnet.architecture import STAGES, Architecture
from lpsnet.family import NAMES, architecture
from lpsnet.registry import NETWORKS
from microbench.errors import InputError

# Labels are stored as 8 bits, of which 255 stands for an ignored pixel.
_MOST_CLASSES = 255

BLOCK, INTERACTION, INTERACTION_STAGES = "conv3x3", "bilateral_b", (3, 4)
"""Of LPS-Net."""

Form = Literal["reparameterised", "plain", "deploy"]
"""What a network's layers are like: with RepVGG's branches, as the blocks are defined, or folded for inference."""


@dataclass(frozen=True, kw_only=True)
class NetworkDesign:
    """All that defines a network but its weights and their form.

    Attributes:
        architecture: depth, width and resolution.
        num_classes: score maps that the head yields, 1 to 255.
        block: one of `blocks.NAMES`.
        interaction: one of `interactions.NAMES`.
        interaction_stages: the stages, of 1 to 5, after which the paths interact. The paper's text says 3 to 5, the
            authors' code does 3 and 4.
        block_options: the block's keyword options.
        interaction_options: the interaction's keyword options.

    Raises:
        InputError: `num_classes` or `interaction_stages` is out of its range.
    """

    architecture: Architecture
    num_classes: int = 19
    block: str = "conv3x3"
    interaction: str = "bilateral_b"
    interaction_stages: tuple[int, ...] = (3, 4)
    block_options: Mapping[str, Any] = field(default_factory=dict)
    interaction_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_classes(self.num_classes)
        stages = self.interaction_stages
        if any(type(stage) is not int or not 1 <= stage <= STAGES for stage in stages) or len({*stages}) < len(stages):
            raise InputError(f"interaction_stages must be different stages from 1 to {STAGES}, not {stages!r}.")


@dataclass(frozen=True, kw_only=True)
class RegisteredDesign:
    """All that defines a network that is registered in `lpsnet.registry`, but its weights and their form.

    Attributes:
        name: one of `lpsnet.NAMES`, but of LPS-Net's own.
        num_classes: score maps that it yields, 1 to 255.

    Raises:
        InputError: no such network, or `num_classes` is out of its range.
    """

    name: str
    num_classes: int = 19

    def __post_init__(self) -> None:
        NETWORKS.get(self.name)
        _require_classes(self.num_classes)


Design = NetworkDesign | RegisteredDesign


def network_design(
    network: str | Architecture,
    num_classes: int = 19,
    block: str = BLOCK,
    interaction: str = INTERACTION,
    *,
    interaction_stages: Sequence[int] = INTERACTION_STAGES,
    block_options: Mapping[str, Any] | None = None,
    interaction_options: Mapping[str, Any] | None = None,
) -> Design:
    """The design of a network; see `lpsnet.build`.

    Raises:
        InputError: a name is unknown, a value is out of its range, or a network that is not of LPS-Net's kind is to
            have another block or interaction.
    """
    if isinstance(network, str) and network not in NAMES:
        design = RegisteredDesign(name=network, num_classes=num_classes)
        chosen = {
            "block": block != BLOCK or block_options,
            "interaction": interaction != INTERACTION or interaction_options,
            "interaction_stages": tuple(interaction_stages) != INTERACTION_STAGES,
        }
        for option, is_chosen in chosen.items():
            if is_chosen:
                raise InputError(f"{option} cannot be chosen for network {network!r}, which has its own layers.")
        return design
    return NetworkDesign(
        architecture=architecture(network) if isinstance(network, str) else network,
        num_classes=num_classes,
        block=block,
        interaction=interaction,
        interaction_stages=tuple(interaction_stages),
        block_options=dict(block_options or {}),
        interaction_options=dict(interaction_options or {}),
    )


def _require_classes(num_classes: object) -> None:
    if type(num_classes) is not int or not 1 <= num_classes <= _MOST_CLASSES:
        raise InputError(f"num_classes must be an integer from 1 to {_MOST_CLASSES}, not {num_classes!r}.")
