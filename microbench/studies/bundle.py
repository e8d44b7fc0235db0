"""`microbench bundle`: write the experiments' workloads into a folder, for a device without torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.bundle.writer import BundleWriter
from microbench.errors import InputError, one_of
from microbench.experiments.base import Experiment
from microbench.experiments.ceilings import with_ceilings
from microbench.measure.sampler import one_line
from microbench.models.drawn import drawn
from microbench.runtimes.forms import BFLOAT16, HALF, QUANTIZED, QUANTIZED_7_BITS, QUANTIZED_SYMMETRIC

FORMS_OF = {
    "fp32": (),
    "tf32": (),
    "fp16": (HALF,),
    "bf16": (BFLOAT16,),
    "int8": (QUANTIZED, QUANTIZED_7_BITS, QUANTIZED_SYMMETRIC),
}
"""The forms of a model besides float32 that a runtime may need in each precision."""


@dataclass(frozen=True)
class Written:
    """What a bundle holds and lacks."""

    workloads: int
    left_out: Mapping[str, str]
    """The error by experiment/name of each workload that could not be built."""


def write_bundle(
    experiments: Sequence[Experiment],
    folder: Path,
    on_progress: Callable[[str, float], None] = lambda *_: None,
    precisions: Sequence[str] = tuple(FORMS_OF),
) -> Written:
    """Build the workloads that the experiments list before anything is measured, and store them in `folder`.

    Random weights and inputs are not stored but drawn on the device, see `microbench.models.drawn`.

    Args:
        experiments: what to store. The roofline's ceilings are added where an experiment of blocks needs them,
            what kernels cost only where `ceilings` is among them: a bundle is for short visits and for the gate.
        folder: must not be there, or be empty.
        on_progress: called with what is being done and its share done, 0 to 1.
        precisions: those whose models are stored too, where they differ from the float32 one: making one takes packages
            that a device need not have.

    Raises:
        InputError: an unknown precision, or the folder is not empty or cannot be written.
    """
    for experiment in experiments:
        if experiment.parts():
            raise InputError(f"experiment {experiment.name!r} runs in processes of its own, and goes into no bundle.")
    for precision in precisions:
        if precision not in FORMS_OF:
            raise one_of("precision", precision, FORMS_OF)
    forms = [form for precision in precisions for form in FORMS_OF[precision]]
    writer = BundleWriter(folder)
    specs = [
        (spec, experiment.whole_networks)
        for experiment in with_ceilings(experiments, kernels=False)
        for spec in (*experiment.specs(), *experiment.refine([]))
    ]
    left_out = {}
    for done, (spec, whole_network) in enumerate(specs):
        on_progress("building", done / len(specs))
        try:
            workload, drawing = drawn(spec.build(), forms)
        except Exception as error:  # one that cannot be built is that workload's failure, not the bundle's
            left_out[f"{spec.experiment}/{spec.name}"] = one_line(error)
        else:
            writer.add(spec, workload, whole_network=whole_network, drawing=drawing)
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
