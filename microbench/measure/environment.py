"""The environment fingerprint: what a number was measured on, without what identifies a person or a network."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional

from microbench.measure.gpu import Gpu, find_gpu

_LIBRARIES = (
    "numpy", "torch", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt", "pycuda", "nvidia-ml-py",
    "fvcore", "lpsnet-microbench",
)  # fmt: skip
_VECTOR_FLAGS = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd",
)  # fmt: skip
_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Environment:
    """Hardware, system and library versions of one measurement."""

    host: str
    """Six hexadecimal digits that tell this installation from another of the same model."""
    cpu_model: str
    cpu_cores: int
    cpu_flags: tuple[str, ...]
    """Vector and matrix extensions alone."""
    cache_bytes: Mapping[str, int]
    """Of core 0, e.g. {"L1d": 49152, "L2": 2097152}."""
    memory_bytes: Optional[int]
    virtual_machine: Optional[bool]
    frequency_governor: Optional[str]
    system: str
    python: str
    libraries: Mapping[str, str]
    commit: Optional[str]
    """Of this project's checkout, with "+changes" where the tree differs from it."""
    gpu: Optional[Gpu] = None
    """CUDA's first device; None where there is none."""


@functools.lru_cache(maxsize=1)
def fingerprint() -> Environment:
    """This process's environment."""
    info = _cpuinfo()
    flags = info.get("flags", info.get("Features", "")).split()
    return Environment(
        host=_host(),
        cpu_model=info.get("model name") or platform.processor() or platform.machine(),
        cpu_cores=_usable_cores(),
        cpu_flags=tuple(flag for flag in _VECTOR_FLAGS if flag in flags),
        cache_bytes=_caches(),
        memory_bytes=_memory_bytes(),
        virtual_machine="hypervisor" in flags if flags else None,
        frequency_governor=_read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        libraries=_libraries(),
        commit=_commit(),
        gpu=find_gpu(),
    )


def machine_name(environment: Optional[Environment] = None) -> str:
    """The default name of a machine's results folder, e.g. "intel-xeon-processor-2-cores-1a2b3c".

    One with a GPU is named by that, e.g. "nvidia-h200-1a2b3c": its processor says little of what was measured.

    Args:
        environment: of what was measured there; this process's if None.
    """
    environment = environment or fingerprint()
    if environment.gpu is not None:
        return "-".join([*re.findall(r"[a-z0-9.]+", environment.gpu.name.lower()), environment.host])
    model = re.sub(r"\((r|tm)\)|cpu|@.*", " ", environment.cpu_model.lower())
    words = re.findall(r"[a-z0-9.]+", model)
    return "-".join([*words, f"{environment.cpu_cores}-cores", environment.host])


def _usable_cores() -> int:
    # A container may be given fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _host() -> str:
    # The machine id is confidential by its own manual page, so only a keyed hash of it is shown.
    identity = _read(_MACHINE_ID) or platform.node()
    return hashlib.sha256(f"lpsnet-microbench {identity}".encode()).hexdigest()[:6]


def _read(path: Path) -> Optional[str]:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _cpuinfo() -> dict[str, str]:
    first_core = (_read(_CPUINFO) or "").split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first_core.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _caches() -> dict[str, int]:
    caches = {}
    for index in sorted(_CACHES.glob("index*")):
        level, kind, size = (_read(index / name) for name in ("level", "type", "size"))
        if level and kind and size and size.endswith("K"):
            suffix = {"Data": "d", "Instruction": "i"}.get(kind, "")
            caches[f"L{level}{suffix}"] = int(size[:-1]) * 1024
    return caches


def _memory_bytes() -> Optional[int]:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> Optional[str]:
    here = Path(__file__).parent

    def git(*arguments: str) -> Optional[str]:
        try:
            done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # Only this project's own checkout: installed into some other repository's folder, that one's commit says nothing.
    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = git("rev-parse", "--short=12", "HEAD")
    # Results being written are no change of what measures them.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)results")
    return None if commit is None else commit + ("+changes" if changed else "")
