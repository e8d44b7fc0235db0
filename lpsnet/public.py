"""The public names of `lpsnet` that need torch; the package imports this file when one of them is used."""

from typing import TYPE_CHECKING

from lpsnet import peers
from lpsnet.building import build, build_design, design_of, form_of, to_deploy
from lpsnet.design import Design, NetworkDesign, RegisteredDesign, network_design
from lpsnet.export import export_onnx
from lpsnet.full_resolution import FullResolutionArgmax, UpsampledArgmax
from lpsnet.network import MultiPathNetwork
from lpsnet.registry import NETWORKS
from lpsnet.weights import load_network, load_weights, save_weights
from microbench.registry import late_names

__all__ = [
    "NAMES",
    "Design",
    "FullResolutionArgmax",
    "MultiPathNetwork",
    "NetworkDesign",
    "RegisteredDesign",
    "UpsampledArgmax",
    "build",
    "build_design",
    "design_of",
    "export_onnx",
    "form_of",
    "load_network",
    "load_weights",
    "network_design",
    "save_weights",
    "to_deploy",
]

# Behind LPS-Net's own names.
NETWORKS.discover(peers.__name__, peers.__path__)

if TYPE_CHECKING:
    NAMES: tuple[str, ...]
else:
    __getattr__ = late_names(__name__, lambda: NETWORKS.names)
