"""How much memory this process holds, how much is free, and the limit on what is loaded side by side."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, Optional

resource: Any = importlib.import_module("resource") if importlib.util.find_spec("resource") else None  # not on Windows

GIB = 2**30

DEFAULT_LIMIT_BYTES = 5 * GIB // 4
"""What the sessions loaded at the same time may take, unless the user says otherwise: with Python, the runtimes'
libraries and the models that wait for their turn, the process then stays under 3 GB."""
_SHARE_OF_AVAILABLE = 0.5

_STATM = Path("/proc/self/statm")
_STATUS = Path("/proc/self/status")
_MEMINFO = Path("/proc/meminfo")


def default_limit_bytes() -> int:
    """`DEFAULT_LIMIT_BYTES`, or half of the memory that is available where that is less."""
    available = _kilobytes(_MEMINFO, "MemAvailable")
    return DEFAULT_LIMIT_BYTES if available is None else min(DEFAULT_LIMIT_BYTES, int(available * _SHARE_OF_AVAILABLE))


def resident_bytes() -> Optional[int]:
    """This process's resident memory; None where the system does not tell (it does on Linux)."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def peak_resident_bytes() -> Optional[int]:
    """The most resident memory that this process has held so far; None where the system does not tell."""
    peak = _kilobytes(_STATUS, "VmHWM")
    if peak is None and resource is not None:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit
    return peak


def return_freed_memory() -> None:
    """Give what the C library keeps of freed memory back to the system, where it is one that can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _kilobytes(path: Path, field: str) -> Optional[int]:
    """A line like "VmHWM:  123 kB" of a file of the kernel's, in bytes."""
    try:
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return None
