"""Experiments into a bundle, for a device on which none of them could be built."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microbench.bundle.writer import BundleWriter
from microbench.errors import InputError
from microbench.experiments.base import EXPERIMENTS, Experiment
from microbench.experiments.campaign import with_ceilings
from microbench.measure.sampler import one_line


@dataclass(frozen=True)
class Written:
    """What became of a bundle."""

    workloads: int
    left_out: Mapping[str, str]
    """The error by experiment/name of each workload that could not be built."""


def chosen(names: Sequence[str], resolution: tuple[int, int] | None) -> list[Experiment]:
    """The experiments called `names`, those of whole networks at `resolution` (height, width) if it is given.

    Raises:
        InputError: an unknown name, or a resolution that none of them takes.
    """
    experiments = [EXPERIMENTS.make(name) for name in dict.fromkeys(names)]
    if resolution is None:
        return experiments
    if not any(takes_resolution(experiment) for experiment in experiments):
        raise InputError(f"resolution is an option of whole networks, and {', '.join(names)} has none.")
    return [at_resolution(experiment, resolution) for experiment in experiments]


def takes_resolution(experiment: Experiment) -> bool:
    """Whether the experiment may be had for images of any size."""
    return hasattr(experiment, "resolution")


def at_resolution(experiment: Experiment, resolution: tuple[int, int]) -> Experiment:
    """The same experiment for images of `resolution` (height, width), where it takes one."""
    if not takes_resolution(experiment):
        return experiment
    changeable: Any = experiment
    changed: Experiment = dataclasses.replace(changeable, resolution=resolution)
    return changed


def write_bundle(
    experiments: Sequence[Experiment],
    folder: Path,
    on_progress: Callable[[str, float], None] = lambda *_: None,
) -> Written:
    """Build what the experiments ask for before anything is measured, and store it in `folder`.

    Args:
        experiments: what to store. The roofline's ceilings are added where an experiment of blocks needs them.
        folder: must not be there, or be empty.
        on_progress: called with what is being done and its share done, 0 to 1.

    Raises:
        InputError: the folder is not empty or cannot be written.
    """
    writer = BundleWriter(folder)
    specs = [
        (spec, experiment.whole_networks)
        for experiment in with_ceilings(experiments)
        for spec in (*experiment.specs(), *experiment.refine([]))
    ]
    left_out = {}
    for done, (spec, whole_network) in enumerate(specs):
        on_progress("building", done / len(specs))
        try:
            workload = spec.build()
        except Exception as error:  # one that cannot be built is that workload's failure, not the bundle's
            left_out[f"{spec.experiment}/{spec.name}"] = one_line(error)
        else:
            writer.add(spec, workload, whole_network=whole_network)
    writer.finish()
    return Written(len(specs) - len(left_out), left_out)


def pack(folder: Path) -> Path:
    """Pack a bundle's folder into `folder`.tar.gz beside it.

    Raises:
        InputError: the disk refuses it.
    """
    whole = folder.resolve()
    try:
        return Path(shutil.make_archive(str(whole), "gztar", whole.parent, whole.name))
    except OSError as error:
        raise InputError(f"bundle archive '{whole}.tar.gz' cannot be written: {error.strerror}.") from error
