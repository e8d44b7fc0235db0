"""Any network, by its name, its architecture or its design, in the form that is trained or the one that is deployed."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, overload

from torch import nn

from lpsnet.architecture import Architecture
from lpsnet.design import (
    BLOCK,
    INTERACTION,
    INTERACTION_STAGES,
    Design,
    Form,
    NetworkDesign,
    network_design,
)
from lpsnet.network import MultiPathNetwork
from lpsnet.peers.peer import Peer
from lpsnet.registry import NETWORKS
from lpsnet.reparameterisation import folded
from microbench.errors import InputError

# Where a registered network, whose class is anyone's, carries its design and form.
_DESIGN, _FORM = "_lpsnet_design", "_lpsnet_form"


@overload
def build(
    network: Architecture,
    num_classes: int = ...,
    block: str = ...,
    interaction: str = ...,
    deploy: bool = ...,
    *,
    reparameterised: bool = ...,
    interaction_stages: Sequence[int] = ...,
    block_options: Mapping[str, Any] | None = ...,
    interaction_options: Mapping[str, Any] | None = ...,
) -> MultiPathNetwork: ...


@overload
def build(
    network: str,
    num_classes: int = ...,
    block: str = ...,
    interaction: str = ...,
    deploy: bool = ...,
    *,
    reparameterised: bool = ...,
    interaction_stages: Sequence[int] = ...,
    block_options: Mapping[str, Any] | None = ...,
    interaction_options: Mapping[str, Any] | None = ...,
) -> nn.Module: ...


def build(
    network: str | Architecture,
    num_classes: int = 19,
    block: str = BLOCK,
    interaction: str = INTERACTION,
    deploy: bool = False,
    *,
    reparameterised: bool = True,
    interaction_stages: Sequence[int] = INTERACTION_STAGES,
    block_options: Mapping[str, Any] | None = None,
    interaction_options: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a network with random weights.

    Args:
        network: one of `lpsnet.NAMES`, or an architecture.
        num_classes: score maps that the head yields, 1 to 255.
        block: one of `blocks.NAMES`; like all that follow but `deploy`, for LPS-Net's names and architectures alone.
        interaction: one of `interactions.NAMES`.
        deploy: build the deploy form, in which BN is folded into the convolutions, in evaluation mode.
        reparameterised: whether 3×3 convolutions get RepVGG's branches; without effect on other blocks and on the
            deploy form, which is the same either way.
        interaction_stages: the stages, of 1 to 5, after which the paths interact.
        block_options: the block's keyword options.
        interaction_options: the interaction's keyword options.

    Returns:
        A module from an image (N, 3, H, W) to score maps (N, num_classes, h, w): a `MultiPathNetwork`, or what is
        registered under the name.

    Raises:
        InputError: a name or an option is unknown, or a value is out of its range, or the network has no such choice.
    """
    design = network_design(
        network,
        num_classes,
        block,
        interaction,
        interaction_stages=interaction_stages,
        block_options=block_options,
        interaction_options=interaction_options,
    )
    built = build_design(design, reparameterised=reparameterised)
    return to_deploy(built) if deploy else built


@overload
def build_design(design: NetworkDesign, *, reparameterised: bool = ...) -> MultiPathNetwork: ...


@overload
def build_design(design: Design, *, reparameterised: bool = ...) -> nn.Module: ...


def build_design(design: Design, *, reparameterised: bool = True) -> nn.Module:
    """Build the network of a design with random weights, in a form that can be trained.

    Args:
        design: from `network_design`.
        reparameterised: whether the 3×3 convolutions of a multi-path network get RepVGG's branches.

    Raises:
        InputError: the block or the interaction does not exist or cannot take these widths or options.
    """
    if isinstance(design, NetworkDesign):
        return MultiPathNetwork(design, reparameterised=reparameterised)
    network = NETWORKS.make(design.name, design.num_classes)
    vars(network).update({_DESIGN: design, _FORM: "plain"})
    return network


def design_of(network: nn.Module) -> Design:
    """What the network was built from.

    Raises:
        InputError: it was not built by `lpsnet.build`.
    """
    if isinstance(network, MultiPathNetwork):
        return network.design
    try:
        design: Design = vars(network)[_DESIGN]
    except KeyError:
        raise InputError(f"network must be built by lpsnet.build, which {type(network).__name__} was not.") from None
    return design


def form_of(network: nn.Module) -> Form:
    """The form of a network that `lpsnet.build` or `to_deploy` made."""
    form: Form = network.form if isinstance(network, MultiPathNetwork) else vars(network).get(_FORM, "plain")
    return form


@overload
def to_deploy(network: MultiPathNetwork) -> MultiPathNetwork: ...


@overload
def to_deploy(network: nn.Module) -> nn.Module: ...


def to_deploy(network: nn.Module) -> nn.Module:
    """The deploy form of a network, for inference: it is in evaluation mode and its parameters take no gradient.

    Every BN that follows a convolution in an `nn.Sequential` is folded into it, and RepVGG's branches become one
    convolution, so that the scores stay what they were but for rounding; a peer's auxiliary heads are left out.
    `network` itself is left as it is.
    """
    deployed = folded(copy.deepcopy(network).eval())
    if isinstance(deployed, MultiPathNetwork):
        deployed.form = "deploy"
    else:
        vars(deployed).update({_DESIGN: vars(network).get(_DESIGN), _FORM: "deploy"})
    if isinstance(deployed, Peer):
        deployed.auxiliary = nn.ModuleList()
    return deployed.requires_grad_(False)
