"""Which convolutional block, widths and path interaction buy the most accuracy per millisecond on this device.

`microbench.time` measures any model. This file stays import-free, so that `microbench.measure` runs where neither torch
nor pandas is installed.
"""

from __future__ import annotations

import os

# A measuring tool sends nothing. From 1.29 on ONNX Runtime's wheels report sessions from a thread of their own, which
# would run beside what is timed. It can only be switched off before the import; child processes inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"


def __getattr__(attribute):  # typed in __init__.pyi
    if attribute == "time":
        import importlib

        return importlib.import_module("microbench.studies.time_model").time
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
