"""What is there to measure with, what is missing, and the line that installs it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microbench import runtimes
from microbench.measure.environment import Environment, fingerprint, machine_name
from microbench.measure.noise import MAX_PRESSURE_SHARE

DATA_VARIABLES = {"CamVid": "MICROBENCH_CAMVID"}
"""Environment variables that say where a data set lies."""

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
class Findings:
    """What the doctor found."""

    machine: str
    default_runtime: str
    environment: Environment
    runtimes: tuple[RuntimeState, ...]
    data: dict[str, str | None]
    """Folder by data set, None where its variable is not set or names no folder."""
    pressure_percent: float | None
    """Share of the last ten seconds in which some task waited for a core."""

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
        lines += ["", "Data"]
        for name, folder in self.data.items():
            variable = DATA_VARIABLES[name]
            lines.append(f"  yes  {name} in {folder}" if folder else f"  no   {name}: set {variable} to its folder")
        return "\n".join(lines)

    def _pressure_text(self) -> str:
        if self.pressure_percent is None:
            return "unknown: this system reports no CPU pressure"
        busy = self.pressure_percent > MAX_PRESSURE_SHARE * 100
        advice = ": close what else is running before measuring" if busy else ""
        return f"some task waited for a core {self.pressure_percent:.0f}% of the last ten seconds{advice}"


def examine() -> Findings:
    """Look at this machine; nothing is run or loaded."""
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
        data={name: _folder(os.environ.get(variable)) for name, variable in DATA_VARIABLES.items()},
        pressure_percent=_pressure_percent(),
    )


def _folder(path: str | None) -> str | None:
    return path if path and Path(path).is_dir() else None


def _pressure_percent() -> float | None:
    try:
        return float(_PRESSURE.read_text().split("avg10=", 1)[1].split()[0])
    except (OSError, IndexError, ValueError):
        return None
