"""LPS-Net: the family by name, and multi-path networks of any architecture, block and interaction.

An architecture is named without torch, which is imported with the first use of a name that needs it.
"""

from typing import TYPE_CHECKING

# The order matters: the function `architecture` takes the place of the module of that name.
from lpsnet.architecture import Architecture
from lpsnet.family import architecture, table2_architecture
from microbench.lazy import lazy_attributes

if TYPE_CHECKING:
    from lpsnet.public import (
        NAMES,
        Design,
        FullResolutionArgmax,
        MultiPathNetwork,
        NetworkDesign,
        RegisteredDesign,
        UpsampledArgmax,
        build,
        build_design,
        design_of,
        export_onnx,
        form_of,
        load_network,
        load_weights,
        network_design,
        save_weights,
        to_deploy,
    )

__all__ = [
    "NAMES",
    "Architecture",
    "Design",
    "FullResolutionArgmax",
    "MultiPathNetwork",
    "NetworkDesign",
    "RegisteredDesign",
    "UpsampledArgmax",
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

if not TYPE_CHECKING:
    __getattr__ = lazy_attributes(__name__, dict.fromkeys(__all__, "public"))
