"""Draw Table 4 in the plane of speed and accuracy, as the paper's Figure 2, and its latencies beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microbench.measure.measurement import Measurement
from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy, miou_heading
from microbench.report.agreement import step_measurements
from microbench.report.figures.style import (
    BLUE,
    GREY,
    RED,
    SERIES,
    legend_below,
    name_point,
    new_figure,
    plain_log,
    save,
)
from microbench.report.published import PAPER_RESOLUTION, published


def draw_table4(
    records: Sequence[Record], accuracies: Mapping[str, Accuracy], stem: Path, *, machine: str
) -> tuple[Path, ...]:
    """The published plane, ours where networks are trained, and each step's latency here against the published one.

    Args:
        records: of Table 4, at one resolution.
        accuracies: of the family's trained networks, by the name that the published table has for them.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the titles.

    Returns:
        The PNG, the SVG and the PDF; nothing where no step was measured at the paper's size.
    """
    at_paper_size = [record for record in records if record.axes["resolution"] == PAPER_RESOLUTION]
    measurements = step_measurements(at_paper_size)
    if not measurements:
        return ()
    paper = published("table4").set_index("step")
    target, by_step = next(iter(measurements.items()))
    trained = _trained(by_step, accuracies, paper)
    columns = 3 if len(trained) > 1 else 2  # a single network makes no trade-off
    with new_figure(4.8 * columns, 4.1) as figure:
        panels = figure.subplots(1, columns, squeeze=False)[0]
        _draw_published(panels[0], paper)
        _draw_latencies(panels[1], measurements, paper, machine)
        if columns > 2:
            _draw_measured(panels[2], f"{machine}, {target}", trained, miou_heading(accuracies))
        legend_below(figure, panels[1])
        return save(figure, stem)


def _draw_published(panel: Axes, paper: pd.DataFrame) -> None:
    panel.plot(paper["latency_ms"], paper["miou_percent"], color=BLUE, marker="o", markersize=4)
    for _, row in paper.dropna(subset="name").iterrows():
        name_point(panel, str(row["name"]), float(row["latency_ms"]), float(row["miou_percent"]))
    panel.set_title("published: NVIDIA GTX 1070Ti, TensorRT fp32,\nCityscapes val")
    panel.set_ylabel("mIoU (%)")
    _latency_axis(panel, "latency (ms)")


def _draw_latencies(
    panel: Axes, measurements: Mapping[str, Mapping[int, Measurement]], paper: pd.DataFrame, machine: str
) -> None:
    for (target, by_step), colour in zip(measurements.items(), SERIES, strict=False):
        theirs = paper["latency_ms"].loc[list(by_step)]
        ours = np.array([m.latency_ms for m in by_step.values()])
        low, high = (
            np.array([getattr(m, f"latency_ci_{end}_ms") for m in by_step.values()]) for end in ("low", "high")
        )
        panel.errorbar(
            theirs,
            ours,
            yerr=[ours - low, high - ours],
            color=colour,
            marker="s",
            markersize=4,
            capsize=2,
            label=target,
        )
    first = next(iter(measurements.values()))
    for step, measurement in first.items():
        name = paper["name"].loc[step]
        if isinstance(name, str):
            name_point(panel, name, float(paper["latency_ms"].loc[step]), measurement.latency_ms)
    _draw_proportion(panel, first, paper["latency_ms"])
    panel.set_yscale("log")
    panel.set_title(f"each step on {machine} and published,\nwith 95% intervals")
    panel.set_ylabel("measured latency (ms)")
    _latency_axis(panel, "published latency (ms)")
    plain_log(panel.yaxis)


def _draw_proportion(panel: Axes, ours: Mapping[int, Measurement], theirs: pd.Series) -> None:
    """What it would be if this device were slower by one factor."""
    published_ms = theirs.loc[list(ours)].to_numpy(float)
    ratios = np.array([m.latency_ms for m in ours.values()]) / published_ms
    factor = float(np.exp(np.mean(np.log(ratios))))
    ends = np.array([published_ms.min(), published_ms.max()])
    panel.plot(ends, factor * ends, color=GREY, linestyle="--", linewidth=0.9, label=f"published × {factor:.3g}")


def _draw_measured(panel: Axes, target: str, trained: Mapping[str, tuple[float, float]], heading: str) -> None:
    latencies_ms, miou_percents = zip(*trained.values(), strict=True)
    panel.scatter(latencies_ms, miou_percents, color=RED, s=22)
    for name, (latency_ms, miou_percent) in trained.items():
        name_point(panel, name, latency_ms, miou_percent)
    panel.set_title(f"measured on {target}")
    panel.set_ylabel(heading)
    _latency_axis(panel, f"latency at {PAPER_RESOLUTION} (ms)")


def _trained(
    by_step: Mapping[int, Measurement], accuracies: Mapping[str, Accuracy], paper: pd.DataFrame
) -> dict[str, tuple[float, float]]:
    """Latency in milliseconds and mIoU in percent of each trained network."""
    names = {step: str(name) for step, name in zip(paper.index.tolist(), paper["name"].tolist(), strict=True)}
    return {
        names[step]: (measurement.latency_ms, 100 * accuracies[names[step]].mean_iou)
        for step, measurement in by_step.items()
        if names[step] in accuracies
    }


def _latency_axis(panel: Axes, label: str) -> None:
    panel.set_xscale("log")
    panel.set_xlabel(label)
    plain_log(panel.xaxis)
