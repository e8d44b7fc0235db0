"""LPS-Net: the family by name, and multi-path networks of any architecture, block and interaction."""

from typing import TYPE_CHECKING

from lpsnet import peers
from lpsnet.architecture import Architecture
from lpsnet.building import build, build_design, design_of, form_of, to_deploy
from lpsnet.design import Design, NetworkDesign, RegisteredDesign, network_design
from lpsnet.export import export_onnx
from lpsnet.family import architecture, table2_architecture
from lpsnet.full_resolution import FullResolutionArgmax
from lpsnet.network import MultiPathNetwork
from lpsnet.registry import NETWORKS
from lpsnet.weights import load_network, load_weights, save_weights
from microbench.registry import late_names

__all__ = [
    "NAMES",
    "Architecture",
    "Design",
    "FullResolutionArgmax",
    "MultiPathNetwork",
    "NetworkDesign",
    "RegisteredDesign",
    "architecture",
    "build",
    "build_design",
    "design_of",
    "export_onnx",
    "form_of",
    "load_network",
    "load_weights",
    "network_design",
    "save_weights",
    "table2_architecture",
    "to_deploy",
]

# Behind LPS-Net's own names, which `lpsnet.building` registers.
NETWORKS.discover(peers.__name__, peers.__path__)

if TYPE_CHECKING:
    NAMES: tuple[str, ...]
else:
    __getattr__ = late_names(__name__, lambda: NETWORKS.names)
