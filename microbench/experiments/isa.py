"""A controlled experiment: does the period of Figure 5 follow the width of the processor's vectors?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from microbench.errors import InputError
from microbench.experiments.base import EXPERIMENTS, Experiment, Isolated, Presentation
from microbench.experiments.figure4 import CONV
from microbench.experiments.sweep import Axes, axes_to_specs
from microbench.measure.environment import fingerprint
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

WIDTHS = tuple(range(4, 65, 4))

ISA = "isa"
"""The axis with the instruction set that a row was restricted to."""

_ONEDNN_NAMES = {"avx2": "AVX2", "avx512": "AVX512_CORE", "amx": "AVX512_CORE_AMX"}
"""What oneDNN calls each level (its guide's page "CPU Dispatcher Control")."""

_LEFT_OUT = "ONNX Runtime is left out: its kernels (MLAS) have no switch for the instruction set that is known to us."

_FLAGS = {"avx2": ("avx2",), "avx512": ("avx512f",), "amx": ("amx_bf16", "amx_int8")}
"""A processor has a level if it has one of these."""


def levels() -> tuple[str, ...]:
    """The instruction sets that this processor has, the narrowest vectors first."""
    flags = set(fingerprint().cpu_flags)
    return tuple(level for level, names in _FLAGS.items() if flags.intersection(names))


def environment_of(level: str) -> dict[str, str]:
    """The variables of a process whose oneDNN uses no wider instruction set than `level`.

    PyTorch and OpenVINO both compute convolutions by a oneDNN of their own, and both read the first. OpenVINO's kernels
    that are not oneDNN's read the second, in builds for debugging alone; PyTorch's own operators read the third, which
    knows AVX2 as its only restriction.
    """
    name = _ONEDNN_NAMES[level]
    restricted = {"ATEN_CPU_CAPABILITY": "avx2"} if level == "avx2" else {}
    return {"ONEDNN_MAX_CPU_ISA": name, "OV_CPU_MAX_ISA": name, **restricted}


@EXPERIMENTS.register("isa")
@dataclass(frozen=True)
class Isa(Experiment):
    """3x3 convolutions from c to c channels, with the libraries restricted to one instruction set after the other."""

    name = "isa"
    title = "Instruction sets: does the period of Figure 5 follow the vectors' width?"
    in_all = False
    runtimes = ("torch-eager", "openvino")
    row_budget_s = 2.0

    level: str | None = None
    """The instruction set that this process is restricted to; None for all that the processor has, a process each."""
    widths: tuple[int, ...] = WIDTHS

    def specs(self) -> list[WorkloadSpec]:
        """Each width at each level."""
        axes = Axes(blocks=(CONV,), widths=self.widths, resolutions=((128, 128),))
        return [
            replace(spec, name=f"{spec.name}/{level}", axes={**spec.axes, ISA: level})
            for level in ((self.level,) if self.level else levels())
            for spec in axes_to_specs(self.name, axes)
        ]

    def parts(self) -> tuple[Isolated, ...]:
        """See the base class: one process a level."""
        if self.level is not None:
            return ()
        found = levels()
        if not found:
            raise InputError("isa needs an x86 processor with AVX2, and this one has none of avx2, avx512 and amx.")
        return tuple(Isolated(replace(self, level=level), environment_of(level)) for level in found)

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Efficiency against width, one line a level; the period at each level, and whether it follows the vectors."""
        from microbench.report.controlled.kernels import convolutions
        from microbench.report.controlled.period_change import LANES, follows_vectors
        from microbench.report.controlled.periods import arm_periods
        from microbench.report.figures.arms import draw_arms
        from microbench.report.labels import configuration_label
        from microbench.report.tables.blocks import block_table

        conclusions, notes, panels = [], [], {}
        for configuration in dict.fromkeys(record.configuration for record in records):
            target = configuration_label(configuration)
            own = [record for record in records if record.configuration == configuration]
            by_level = {level: [r for r in own if r.axes[ISA] == level and r.measurement] for level in _ONEDNN_NAMES}
            arms = arm_periods({level: rows for level, rows in by_level.items() if rows})
            panels[target] = arms
            for narrow, wide in itertools.pairwise(arms):
                kernels = {arm.arm: convolutions(by_level[arm.arm]) for arm in (narrow, wide)}
                if LANES[narrow.arm] != LANES[wide.arm]:
                    conclusions.append(follows_vectors(target, narrow, wide, kernels))
                else:
                    notes.append(
                        f"{target}: vectors are as wide in {narrow.arm} and {wide.arm}; {narrow.text}, {wide.text}."
                    )
            if len(arms) == 1:
                notes.append(f"{target}: {arms[0].text}; with one level there is nothing to compare it with.")
        table = block_table(records, ())
        table.insert(0, ISA, [record.axes[ISA] for record in records])
        return Presentation(
            table=table,
            findings=(*(conclusion.sentence for conclusion in conclusions), *notes, _LEFT_OUT),
            data={"conclusions": [conclusion.as_json() for conclusion in conclusions]},
            figures=draw_arms(
                panels, folder / self.name, title=f"3×3 convolutions by the instruction set allowed, on {folder.name}"
            ),
        )
