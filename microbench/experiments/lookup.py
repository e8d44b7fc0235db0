"""An experiment's records for a notebook: those of a machine that are there, or measured now."""

from __future__ import annotations

from pathlib import Path

from microbench.experiments.base import EXPERIMENTS
from microbench.experiments.campaign import Settings, conduct
from microbench.experiments.recorded import Recorded, recorded
from microbench.measure.store import machine_folder


def look_up(name: str, machine: str, results: Path, *, measure: bool = False, runtime: str = "auto") -> Recorded:
    """The records of an experiment, with the roofline's ceilings beside them.

    Args:
        name: of the experiment.
        machine: name of its folder in `results`.
        results: the folder of all results.
        measure: measure on this machine first what is not recorded there, as `microbench run --quick` does.
        runtime: in which to measure.

    Raises:
        InputError: nothing is recorded and nothing is to be measured, or a runtime that is not there.
    """
    folder = machine_folder(results, machine)
    if measure:
        conduct([EXPERIMENTS.make(name)], Settings(folder, runtimes=(runtime,), quick=True))
    return recorded([name], folder)
