"""`microbench show`: the latest records of experiments on one machine, in the order of their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.errors import InputError, one_of
from microbench.experiments import EXPERIMENTS, Experiment
from microbench.experiments.ceilings import CEILINGS
from microbench.experiments.network import NetworkTable
from microbench.experiments.parsing import parse_resolution
from microbench.measure.record import Record
from microbench.measure.store import latest, machine_folder, read_records
from microbench.studies.run import Settings, run_experiments


@dataclass(frozen=True)
class Recorded:
    """Experiments with the latest record of each row."""

    experiments: Sequence[Experiment]
    records: Mapping[str, Sequence[Record]]
    """By the experiment's name."""
    ceilings: Sequence[Record]


def read_recorded(names: Sequence[str], folder: Path, resolution: tuple[int, int] | None = None) -> Recorded:
    """Read the records of the experiments called `names`.

    Args:
        names: of experiments.
        folder: a machine's results folder.
        resolution: (height, width) of the image, for whole networks of which several sizes are recorded.

    Raises:
        InputError: an unknown name, an experiment that has no records there, or one that has several resolutions.
    """
    experiments = []
    records = {}
    for name in dict.fromkeys(names):
        experiment = EXPERIMENTS.make(name)
        own = _read(name, folder)
        if not own:
            there = ", ".join(sorted(path.stem for path in folder.glob("*.jsonl"))) or "nothing"
            raise InputError(f"experiment {name!r} is not recorded in {str(folder)!r}; recorded there: {there}.")
        if isinstance(experiment, NetworkTable):
            size = _one_resolution(name, own, resolution)
            experiment = experiment.at_resolution(parse_resolution(size))
            own = [record for record in own if record.axes["resolution"] == size]
        experiments.append(experiment)
        records[name] = _ordered(experiment, own)
    return Recorded(experiments, records, _read(CEILINGS, folder))


def look_up(name: str, machine: str, results: Path, *, measure: bool = False, runtime: str = "auto") -> Recorded:
    """The records of one experiment, for a notebook.

    Args:
        name: of the experiment.
        machine: name of its folder in `results`.
        results: the folder of all results.
        measure: first measure on this machine what is not recorded there, as `microbench run --quick` does.
        runtime: in which to measure.

    Raises:
        InputError: nothing is recorded and `measure` is not set, or the runtime is not available.
    """
    folder = machine_folder(results, machine)
    if measure:
        run_experiments([EXPERIMENTS.make(name)], Settings(folder, runtimes=(runtime,), quick=True))
    return read_recorded([name], folder)


def _read(name: str, folder: Path) -> list[Record]:
    path = folder / f"{name}.jsonl"
    return latest(read_records(path)) if path.is_file() else []


def _ordered(experiment: Experiment, records: Sequence[Record]) -> list[Record]:
    """In the order of the table's rows, and each row's configurations in that of their first record."""
    targets = list(dict.fromkeys(record.configuration for record in records))
    return experiment.in_order(sorted(records, key=lambda record: targets.index(record.configuration)))


def _one_resolution(name: str, records: Sequence[Record], resolution: tuple[int, int] | None) -> str:
    there = list(dict.fromkeys(str(record.axes["resolution"]) for record in records))
    if resolution is None and len(there) > 1:
        raise InputError(f"resolution must be given for {name}; allowed: {', '.join(there)}.")
    wanted = there[0] if resolution is None else f"{resolution[0]}x{resolution[1]}"
    if wanted not in there:
        raise one_of(f"resolution of {name}", wanted, there)
    return wanted
