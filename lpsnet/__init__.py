"""LPS-Net: the family by name, and multi-path networks of any architecture, block and interaction."""

from lpsnet.architecture import Architecture
from lpsnet.export import export_onnx
from lpsnet.family import NAMES, architecture, table2_architecture
from lpsnet.full_resolution import FullResolutionArgmax
from lpsnet.network import MultiPathNetwork, NetworkDesign, build, to_deploy
from lpsnet.weights import load_network, load_weights, save_weights

__all__ = [
    "NAMES",
    "Architecture",
    "FullResolutionArgmax",
    "MultiPathNetwork",
    "NetworkDesign",
    "architecture",
    "build",
    "export_onnx",
    "load_network",
    "load_weights",
    "save_weights",
    "table2_architecture",
    "to_deploy",
]
