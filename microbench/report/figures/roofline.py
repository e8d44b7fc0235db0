"""Draw the roofline: efficiency against arithmetic intensity, under what the device and runtime reach at best."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from microbench.report.figures.style import GREY, MARKERS, SERIES, legend_below, new_figure, plain_log, save
from microbench.report.labels import target_label
from microbench.report.roofline import attained_share, intensity_mmacs_per_byte, measured_by_target, roofs_of

_MACS_PER_MMAC = 1e6


def draw_roofline(data: pd.DataFrame, ceilings: pd.DataFrame, stem: Path, *, machine: str) -> tuple[Path, ...]:
    """One roof and its rows for each configuration that has measured ceilings; rows above their roof are circled.

    Args:
        data: rows of blocks.
        ceilings: rows of the "ceilings" experiment.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the title.

    Returns:
        The PNG, the SVG and the PDF; nothing where no configuration has both.
    """
    roofs = roofs_of(ceilings)
    groups = [(target, rows) for target, rows in measured_by_target(data) if target in roofs]
    if not groups:
        return ()
    with new_figure(6.8, 5.0) as figure:
        panel = figure.subplots()
        everything = pd.concat([rows for _, rows in groups])
        reached = everything.apply(intensity_mmacs_per_byte, axis=1)
        intensities = np.geomspace(reached.min() / 4, reached.max() * 4, 200)
        markers = dict(zip(everything["block"].unique(), itertools.cycle(MARKERS), strict=False))
        for (target, rows), colour in zip(groups, itertools.cycle(SERIES), strict=False):
            # The roof
            roof = [roofs[target].at(intensity) for intensity in intensities]
            panel.plot(intensities * _MACS_PER_MMAC, roof, color=colour, linewidth=1.2, label=target_label(target))
            # What lies under it
            for block, own in rows.groupby("block", sort=False):
                x = (own.apply(intensity_mmacs_per_byte, axis=1) * _MACS_PER_MMAC).to_numpy(float)
                y = own["efficiency_mmacs_per_ms"].to_numpy(float)
                low, high = (own[f"efficiency_ci_{end}_mmacs_per_ms"].to_numpy(float) for end in ("low", "high"))
                panel.errorbar(
                    x, y, yerr=[y - low, high - y], fmt=markers[block], color=colour, markersize=5, linewidth=0.8
                )
            # And above it
            above = rows[attained_share(rows, ceilings) > 1]
            if len(above):
                x = above.apply(intensity_mmacs_per_byte, axis=1).to_numpy(float) * _MACS_PER_MMAC
                y = above["efficiency_mmacs_per_ms"].to_numpy(float)
                panel.scatter(x, y, s=90, facecolors="none", edgecolors="black", zorder=4)
        for block, marker in markers.items():
            panel.plot([], [], marker, color=GREY, markersize=5, label=str(block))
        if (attained_share(everything, ceilings) > 1).any():
            panel.scatter([], [], s=90, facecolors="none", edgecolors="black", label="above its measured roof")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("MACs for each byte moved")
        panel.set_ylabel("efficiency (MMACs/ms)")
        panel.set_title(f"Roofline of single blocks on {machine}, with 95% intervals")
        plain_log(panel.xaxis)
        plain_log(panel.yaxis)
        legend_below(figure, panel, columns=2)
        return save(figure, stem)
