"""Networks' weights in files: ours, and those that LPS-Net's authors released."""

import json
import os
import re
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lpsnet.architecture import Architecture
from lpsnet.building import build_design, design_of, form_of, to_deploy
from lpsnet.design import Design, Form, NetworkDesign, RegisteredDesign
from lpsnet.files import write_file
from microbench.errors import InputError

# The key under which a safetensors file of ours describes its network, as JSON.
_DESIGN_KEY = "lpsnet"

# The authors call the only path "net", two paths "netH" and "netL", and three paths "net1" to "net3".
_PUBLISHED_PATHS = {"": 0, "H": 0, "L": 1, "1": 0, "2": 1, "3": 2}
_PUBLISHED_KEY = re.compile(r"net(?P<path>[HL123]?)\.stages\.(?P<stage>\d+)\.(?P<layer>.+)")

_BUILT_WITH: dict[Form, str] = {
    "reparameterised": "reparameterised=True",
    "plain": "reparameterised=False",
    "deploy": "deploy=True",
}


def save_weights(network: nn.Module, path: str | os.PathLike[str], *, half: bool = False) -> None:
    """Write a network's weights, with a description of the network, as a safetensors file.

    Args:
        network: from `lpsnet.build`, in any form; it is left as it is.
        path: where to; its name ends in .safetensors.
        half: write float16, at half the size; they are widened again when they are loaded.

    Raises:
        InputError: the network is none of `lpsnet.build`'s, the file cannot be written, or `half` is asked for and a
            weight is too large for it.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    if half:
        tensors = {name: _halved(name, tensor) for name, tensor in tensors.items()}
    metadata = {_DESIGN_KEY: json.dumps(_description(design_of(network)))}
    write_file(path, safetensors.torch.save(tensors, metadata))


def load_weights(network: nn.Module, path: str | os.PathLike[str]) -> None:
    """Load weights into a network.

    Files that end in .safetensors are ours; all others are read as PyTorch files, without running any code in them, and
    hold a state_dict with our names or with those of the authors' release. A network in deploy form also takes the
    weights of a train form, which are folded first.

    Args:
        network: the network to load into; it is changed in place, and left as it was if the file does not fit.
        path: the file.

    Raises:
        InputError: the file is missing or corrupt, or holds the weights of another network or form.
    """
    tensors, description = _read(Path(path))
    design = design_of(network)
    _require_same_network(design, description, path)
    if not _misfits(network, tensors):
        network.load_state_dict(tensors)
        return
    misfits = {form: _misfits(_blank(design, form), tensors) for form in _forms(design)}
    closest = min(misfits, key=lambda form: len(misfits[form]))
    if misfits[closest]:
        first, *others = misfits[closest]
        more = f" (and {len(others)} more)" if others else ""
        raise InputError(f"weights {str(path)!r} do not fit this network: {first}{more}.")
    form = form_of(network)
    if form != "deploy":
        raise InputError(
            f"weights {str(path)!r} have the {closest} form, which does not load into a network of the {form} "
            f"form: build it with {_BUILT_WITH[closest]}."
        )
    trained = build_design(design, reparameterised=closest == "reparameterised")
    trained.load_state_dict(tensors)
    network.load_state_dict(to_deploy(trained).state_dict())


def load_network(path: str | os.PathLike[str]) -> nn.Module:
    """Build the network that a file of `save_weights` describes, with its weights.

    Args:
        path: a safetensors file of ours.

    Returns:
        The network in the form that the file holds, in float32 and evaluation mode.

    Raises:
        InputError: the file is missing or corrupt, does not say what network it is of, or holds other weights than that
            network's.
    """
    tensors, description = _read(Path(path))
    design = _design(description, path)
    form = min(_forms(design), key=lambda form: len(_misfits(_blank(design, form), tensors)))
    network = build_design(design, reparameterised=form == "reparameterised")
    if form == "deploy":
        network = to_deploy(network)
    load_weights(network, path)
    return network.eval()


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.half()
    if not torch.isfinite(halved).all():
        raise InputError(f"half must be False for this network: {name} holds values beyond float16's range.")
    return halved


def _require_same_network(design: Design, description: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Compare what the file says about its network, if it does, with what is to be loaded."""
    for field, wanted in _description(design).items():
        found = description.get(field, wanted)
        if found != wanted:
            raise InputError(
                f"weights {str(path)!r} are of another network: {field} is {found!r} there and {wanted!r} here."
            )


def _description(design: Design) -> dict[str, Any]:
    """The design in JSON's types."""
    if isinstance(design, RegisteredDesign):
        return {"name": design.name, "num_classes": design.num_classes}
    described = {
        "depth": design.architecture.depth,
        "width": design.architecture.width,
        # Absent paths leave no trace in a network.
        "resolution": [str(ratio) for ratio in design.architecture.ratios],
        "num_classes": design.num_classes,
        "block": design.block,
        "block_options": design.block_options,
        "interaction": design.interaction,
        "interaction_options": design.interaction_options,
        "interaction_stages": sorted(design.interaction_stages),
    }
    rebuilt: dict[str, Any] = json.loads(json.dumps(described))
    return rebuilt


def _design(description: dict[str, Any], path: str | os.PathLike[str]) -> Design:
    """The inverse of `_description`."""
    try:
        if "name" in description:
            return RegisteredDesign(name=description["name"], num_classes=description["num_classes"])
        return NetworkDesign(
            architecture=Architecture(description["depth"], description["width"], description["resolution"]),
            num_classes=description["num_classes"],
            block=description["block"],
            block_options={**description["block_options"]},
            interaction=description["interaction"],
            interaction_options={**description["interaction_options"]},
            interaction_stages=tuple(description["interaction_stages"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(
            f"weights {str(path)!r} do not say what network they are of; only files that `save_weights` wrote do."
        ) from error


def _forms(design: Design) -> tuple[Form, ...]:
    """The forms that a network of this design can have."""
    return tuple(_BUILT_WITH) if isinstance(design, NetworkDesign) else ("plain", "deploy")


def _blank(design: Design, form: Form) -> nn.Module:
    """A network of which only names and shapes count: it has no data."""
    with torch.device("meta"):
        network = build_design(design, reparameterised=form == "reparameterised")
        return to_deploy(network) if form == "deploy" else network


def _misfits(network: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """How the tensors' names and shapes differ from those of the network."""
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    return [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} is not part of it" for name in found if name not in wanted),
        *(
            f"{name} must have the shape {shape}, not {found[name]}"
            for name, shape in wanted.items()
            if name in found and found[name] != shape
        ),
    ]


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file under our names, and what it says about its network."""
    if not path.is_file():
        raise InputError(f"weights {str(path)!r} are not a file.")
    description: Any = {}
    try:
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as file:
                # An open file has keys, but does not iterate over them.
                tensors: Any = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                description = json.loads((file.metadata() or {}).get(_DESIGN_KEY, "{}"))
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    # A damaged file makes the readers raise nearly anything.
    except Exception as error:
        raise InputError(
            f"weights {str(path)!r} cannot be read: they must be a safetensors file named so, or a PyTorch file that "
            f"holds tensors alone."
        ) from error
    is_state = isinstance(tensors, dict) and all(isinstance(tensor, Tensor) for tensor in tensors.values())
    if not is_state or not isinstance(description, dict):
        raise InputError(f"weights {str(path)!r} must hold a state_dict: tensors by name.")
    return {_our_name(str(name)): tensor for name, tensor in tensors.items()}, description


def _our_name(name: str) -> str:
    """Our name of a tensor that may carry the name of the authors' release."""
    match = _PUBLISHED_KEY.fullmatch(name)
    if match is None:
        return name
    return f"stages.{match['stage']}.paths.{_PUBLISHED_PATHS[match['path']]}.{match['layer']}"
