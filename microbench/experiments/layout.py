"""A controlled experiment: what of Figures 4 and 5 rests on ONNX Runtime's NCHWc layout?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation
from microbench.experiments.block_switch import block_specs, block_switch
from microbench.experiments.figure4 import CONV
from microbench.experiments.figure5 import PANELS
from microbench.experiments.sweep import Axes, axes_to_specs
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec

ON, OFF = "onnxruntime", "onnxruntime-nchw"
"""ONNX Runtime with all its optimisations, and without the pass that keeps channels in blocks."""

_SWITCH = "the NCHWc layout"


@EXPERIMENTS.register("layout")
class Layout(Experiment):
    """Figure 4's blocks and Figure 5's widths in ONNX Runtime with the NCHWc layout and without it."""

    name = "layout"
    title = "The NCHWc layout on and off in ONNX Runtime: what of Figures 4 and 5 rests on it?"
    in_all = False
    runtimes = (ON, OFF)
    row_budget_s = 2.0

    def specs(self) -> list[WorkloadSpec]:
        """Each row once, also the one that is in both figures."""
        widths = tuple(sorted({width for panel in PANELS.values() for width in panel}))
        sweep = axes_to_specs(self.name, Axes(blocks=(CONV,), widths=widths, resolutions=((128, 128),)))
        return list({spec.name: spec for spec in (*block_specs(self.name), *sweep)}.values())

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Both figures of both arms, and whether the layout is the cause of the ratio and of the period."""
        from microbench.report.controlled.kernels import convolutions
        from microbench.report.controlled.period_change import comes_with_switch
        from microbench.report.controlled.periods import arm_periods
        from microbench.report.controlled.switch import switched_rows
        from microbench.report.figures.arms import draw_arms
        from microbench.report.tables.blocks import block_table

        blocks = {spec.name for spec in block_specs(self.name)}
        compared = block_switch(
            [record for record in records if record.name in blocks],
            (ON, OFF),
            _SWITCH,
            folder / f"{self.name}_blocks",
            machine=folder.name,
        )
        conclusions, notes, panels = list(compared.conclusions), [], {}
        for rows in switched_rows(records, ON, OFF):
            ran = {arm: convolutions(own) for arm, own in ((ON, rows.on), (OFF, rows.off))}
            notes += [f"Convolutions of {arm}: {', '.join(names) or 'not reported'}." for arm, names in ran.items()]
            if set(ran[ON]) == set(ran[OFF]):
                notes.append(f"{rows.target}: no kernel differs, so that the layout was the same in both.")
            for letter, widths in PANELS.items():
                swept = {
                    arm: [
                        r
                        for r in own
                        if (r.axes["block"], r.axes["depth"]) == (CONV.label, 1) and r.axes["width"] in widths
                    ]
                    for arm, own in ((ON, rows.on), (OFF, rows.off))
                }
                arms = arm_periods(swept)
                title = f"widths {min(widths)} to {max(widths)}"
                panels[f"({letter}) {title}, {rows.target}"] = arms
                if len(arms) == 2:
                    conclusions.append(comes_with_switch(rows.target, _SWITCH, title, *arms))
        drawn = draw_arms(
            panels, folder / self.name, title=f"3×3 convolutions with the NCHWc layout and without it, on {folder.name}"
        )
        return Presentation(
            table=block_table(records, (), compared.costs),
            findings=(*(conclusion.sentence for conclusion in conclusions), *notes),
            data={"conclusions": [conclusion.as_json() for conclusion in conclusions], **compared.data},
            figures=(*drawn, *compared.figures),
        )
