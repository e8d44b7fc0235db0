"""What is there to measure with, what is missing, and the line that installs it."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microbench import runtimes
from microbench.measure.environment import Environment, fingerprint, machine_name
from microbench.measure.gpu import pci_bus_id
from microbench.measure.libcuda import CudaError
from microbench.measure.noise import MAX_PRESSURE_SHARE
from microbench.measure.nvml import DeviceMonitor
from microbench.registries import PluginState, plugin_states

_PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True)
class RuntimeState:
    """One runtime on one device."""

    runtime: str
    device: str
    version: str | None
    precisions: tuple[str, ...]
    missing: str | None
    """Why it is not available, or None if it is."""
    install: str


@dataclass(frozen=True)
class GpuPart:
    """One of the parts that timing on an NVIDIA GPU needs."""

    name: str
    found: str | None
    """Its version, or what it reports; None if it is missing."""
    missing: str | None
    consequence: str
    """What does not work without it, and the line that installs it."""


@dataclass(frozen=True)
class DataSetState:
    """One data set."""

    name: str
    variable: str
    """The environment variable that says where its files are."""
    source: str
    """Where its files come from; "" where it needs none."""
    folder: str | None
    """What the variable names, if that is a folder."""


@dataclass(frozen=True)
class Findings:
    """What the doctor found."""

    machine: str
    default_runtime: str
    environment: Environment
    runtimes: tuple[RuntimeState, ...]
    plugins: tuple[PluginState, ...]
    data_sets: tuple[DataSetState, ...] | None
    """None where nothing was loaded."""
    pressure_percent: float | None
    """Share of the last ten seconds in which some task waited for a core."""
    gpu_parts: tuple[GpuPart, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    def as_text(self) -> str:
        """For people."""
        e = self.environment
        caches = ", ".join(f"{level} {size // 1024} KiB" for level, size in e.cache_bytes.items())
        lines = [
            f"Machine   {self.machine}",
            f"Processor {e.cpu_model}, {e.cpu_cores} cores{', virtual machine' if e.virtual_machine else ''}",
            f"          {', '.join(e.cpu_flags) or 'no vector extensions known'}; {caches or 'caches unknown'}",
            f"System    {e.system}, Python {e.python}",
            f"Quiet?    {self._pressure_text()}",
            "",
            f"Runtimes  (auto is {self.default_runtime})",
        ]
        for state in self.runtimes:
            if state.missing is None:
                lines.append(f"  yes  {state.runtime} {state.version} on {state.device}: {', '.join(state.precisions)}")
            else:
                lines.append(f"  no   {state.runtime} on {state.device}: {state.missing}")
                lines.append(f"         to install: {state.install}")
        lines += ["", "GPU"]
        for part in self.gpu_parts:
            if part.missing is None:
                lines.append(f"  yes  {part.name} {part.found}")
            else:
                lines.append(f"  no   {part.name}: {part.missing}")
                lines.append(f"         {part.consequence}")
        return "\n".join([*lines, "", *self._plugin_lines(), "", *self._data_lines()])

    def _plugin_lines(self) -> Iterator[str]:
        yield "Plugins" + ("" if self.data_sets is not None else "   (declared; `microbench doctor --load` tries them)")
        for state in self.plugins:
            found = f"{state.name} ({state.group}, {state.value}) of {state.distribution}"
            yield f"  no   {state.error}" if state.error else f"  {'yes' if state.works else '   '}  {found}"
        if not self.plugins:
            yield "  none installed"

    def _data_lines(self) -> Iterator[str]:
        yield "Data sets" + ("" if self.data_sets is not None else " (`microbench doctor --load` lists them)")
        for state in self.data_sets or ():
            if state.folder or not state.source:
                yield f"  yes  {state.name}" + (f" in {state.folder}" if state.folder else "")
            else:
                yield f"  no   {state.name}: set {state.variable} to its folder ({state.source})"

    def _pressure_text(self) -> str:
        if self.pressure_percent is None:
            return "unknown: this system reports no CPU pressure"
        busy = self.pressure_percent > MAX_PRESSURE_SHARE * 100
        advice = ": close what else is running before measuring" if busy else ""
        return f"some task waited for a core {self.pressure_percent:.0f}% of the last ten seconds{advice}"


def examine(*, load: bool = False) -> Findings:
    """Look at this machine; nothing is run.

    Args:
        load: import torch, the data sets and each plugin; else nothing is loaded.
    """
    states = []
    for name in runtimes.names():
        runtime = runtimes.get(name)
        for device, precisions in runtime.precisions.items():
            missing = runtime.missing(device)
            version = None if missing else runtime.version()
            states.append(RuntimeState(name, device, version, precisions, missing, runtime.install))
    return Findings(
        machine=machine_name(),
        default_runtime=runtimes.get(runtimes.AUTO).name,
        environment=fingerprint(),
        runtimes=tuple(states),
        plugins=plugin_states(load=load),
        data_sets=_data_sets() if load else None,
        pressure_percent=_pressure_percent(),
        gpu_parts=(_driver_part(), _pycuda_part(), _nvml_part()),
    )


def _data_sets() -> tuple[DataSetState, ...]:
    from lpsnet import data

    described = [data.of(name) for name in data.NAMES]
    return tuple(
        DataSetState(one.name, one.root_variable(), one.source, _folder(os.environ.get(one.root_variable())))
        for one in described
    )


def _driver_part() -> GpuPart:
    name, consequence = "NVIDIA driver", "nothing runs on cuda without it: install NVIDIA's driver"
    gpu = fingerprint().gpu
    if gpu is None:
        return GpuPart(name, None, _why_no_device(), consequence)
    found = (
        f"{gpu.driver or 'of unknown version'}: {gpu.name}, compute capability {gpu.compute_capability}, "
        f"{gpu.multiprocessors} multiprocessors, {gpu.memory_bytes / 2**30:.0f} GiB, L2 {gpu.l2_bytes / 2**20:.0f} MiB"
    )
    return GpuPart(name, found, None, consequence)


def _why_no_device() -> str:
    try:
        pci_bus_id()
    except CudaError as error:
        return str(error)
    return "the driver does not describe its device"


def _pycuda_part() -> GpuPart:
    found, missing = _package("pycuda", "pycuda")
    return GpuPart("pycuda", found, missing, "TensorRT is timed through it: pip install pycuda")


def _nvml_part() -> GpuPart:
    found, missing = _package("nvidia-ml-py", "pynvml")
    if missing is None and fingerprint().gpu is not None and DeviceMonitor.open(pci_bus_id()) is None:
        missing = "it does not know the device"
    consequence = "without it a throttled device goes unnoticed: pip install nvidia-ml-py"
    return GpuPart("NVML", found, missing, consequence)


def _package(distribution: str, module: str) -> tuple[str | None, str | None]:
    if importlib.util.find_spec(module) is None:
        return None, f"the Python package {distribution} is not installed"
    try:
        return importlib.metadata.version(distribution), None
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version", None


def _folder(path: str | None) -> str | None:
    return path if path and Path(path).is_dir() else None


def _pressure_percent() -> float | None:
    try:
        return float(_PRESSURE.read_text().split("avg10=", 1)[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None
