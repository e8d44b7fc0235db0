"""Draw the roofline: efficiency against arithmetic intensity, under what the device and runtime reach at best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from microbench.report.figures.style import GREY, SERIES, new_figure, plain_log, save
from microbench.report.labels import target_label
from microbench.report.roofline import intensity_mmacs_per_byte, measured_by_target, roofs_of

_MACS_PER_MMAC = 1e6
_MARKERS = "osD^vP*X"


def draw_roofline(data: pd.DataFrame, ceilings: pd.DataFrame, stem: Path) -> tuple[Path, ...]:
    """One roof and its rows for each configuration that has measured ceilings.

    Args:
        data: rows of blocks.
        ceilings: rows of the "ceilings" experiment.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where no configuration has both.
    """
    roofs = roofs_of(ceilings)
    groups = [(target, rows) for target, rows in measured_by_target(data) if target in roofs]
    if not groups:
        return ()
    with new_figure(6.4, 4.4) as figure:
        panel = figure.subplots()
        everything = pd.concat([rows for _, rows in groups])
        reached = everything.apply(intensity_mmacs_per_byte, axis=1)
        intensities = np.geomspace(reached.min() / 4, reached.max() * 4, 200)
        markers = dict(zip(everything["block"].unique(), _MARKERS, strict=False))
        for (target, rows), colour in zip(groups, SERIES, strict=False):
            roof = [roofs[target].at(intensity) for intensity in intensities]
            panel.plot(intensities * _MACS_PER_MMAC, roof, color=colour, linewidth=1.2, label=target_label(target))
            for block, own in rows.groupby("block", sort=False):
                x = own.apply(intensity_mmacs_per_byte, axis=1) * _MACS_PER_MMAC
                y = own["efficiency_mmacs_per_ms"]
                panel.plot(x, y, markers.get(block, _MARKERS[0]), color=colour, markersize=5)
        for block, marker in markers.items():
            panel.plot([], [], marker, color=GREY, markersize=5, label=str(block))
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("MACs for each byte moved")
        panel.set_ylabel("efficiency (MMACs/ms)")
        plain_log(panel.xaxis)
        plain_log(panel.yaxis)
        figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7)
        return save(figure, stem)
