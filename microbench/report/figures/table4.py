"""Draw Table 4 as the paper draws it, in Figure 2's plane of speed and accuracy, and its latencies against ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy, miou_heading
from microbench.report.agreement import step_latencies_ms
from microbench.report.figures.style import BLUE, GREY, RED, SERIES, new_figure, plain_log, save
from microbench.report.published import PAPER_RESOLUTION, published


def draw_table4(records: Sequence[Record], accuracies: Mapping[str, Accuracy], stem: Path) -> tuple[Path, ...]:
    """The published plane, ours where networks are trained, and each step's latency here against the published one.

    Args:
        records: of Table 4, at one resolution.
        accuracies: of the family's trained networks, by the name that the published table has for them.
        stem: path of the files without their suffix.

    Returns:
        The PNG and the SVG; nothing where no step was measured at the paper's size.
    """
    at_paper_size = [record for record in records if record.axes["resolution"] == PAPER_RESOLUTION]
    latencies = step_latencies_ms(at_paper_size)
    if not latencies:
        return ()
    paper = published("table4").set_index("step")
    target, by_step = next(iter(latencies.items()))
    trained = _trained(by_step, accuracies, paper)
    columns = 3 if len(trained) > 1 else 2  # a single network makes no trade-off
    with new_figure(4.8 * columns, 3.8) as figure:
        panels = figure.subplots(1, columns, squeeze=False)[0]
        _draw_published(panels[0], paper)
        _draw_latencies(panels[1], latencies, paper)
        if columns > 2:
            _draw_measured(panels[2], target, trained, miou_heading(accuracies))
        return save(figure, stem)


def _draw_published(panel: Axes, paper: pd.DataFrame) -> None:
    panel.plot(paper["latency_ms"], paper["miou_percent"], color=BLUE, marker="o", markersize=4)
    named = paper.dropna(subset="name")
    _name_points(panel, named["name"].tolist(), named["latency_ms"].tolist(), named["miou_percent"].tolist())
    panel.set_title("published: NVIDIA GTX 1070Ti, TensorRT fp32,\nCityscapes val", fontsize=8)
    panel.set_ylabel("mIoU (%)")
    _latency_axis(panel, "latency (ms)")


def _draw_latencies(panel: Axes, latencies: Mapping[str, Mapping[int, float]], paper: pd.DataFrame) -> None:
    for (target, by_step), colour in zip(latencies.items(), SERIES, strict=False):
        theirs = paper["latency_ms"].loc[list(by_step)]
        panel.plot(theirs, list(by_step.values()), color=colour, marker="s", markersize=4, label=target)
    first = next(iter(latencies.values()))
    named = paper.loc[list(first)].dropna(subset="name")
    _name_points(
        panel, named["name"].tolist(), named["latency_ms"].tolist(), [first[step] for step in named.index.tolist()]
    )
    _draw_proportion(panel, first, paper["latency_ms"])
    panel.set_yscale("log")
    panel.set_title("each step's latency, here against published", fontsize=8)
    panel.set_ylabel("measured latency (ms)")
    _latency_axis(panel, "published latency (ms)")
    plain_log(panel.yaxis)
    panel.legend(loc="upper left", fontsize=7)


def _draw_proportion(panel: Axes, ours: Mapping[int, float], theirs: pd.Series) -> None:
    """What it would be if this device were slower by one factor."""
    published_ms = theirs.loc[list(ours)].to_numpy(float)
    factor = float(np.exp(np.mean(np.log(np.array(list(ours.values())) / published_ms))))
    ends = np.array([published_ms.min(), published_ms.max()])
    panel.plot(ends, factor * ends, color=GREY, linestyle="--", linewidth=0.9, label=f"published × {factor:.3g}")


def _draw_measured(panel: Axes, target: str, trained: Mapping[str, tuple[float, float]], heading: str) -> None:
    latencies_ms, miou_percents = zip(*trained.values(), strict=True)
    panel.scatter(latencies_ms, miou_percents, color=RED, s=22)
    _name_points(panel, list(trained), latencies_ms, miou_percents)
    panel.set_title(f"measured here: {target}", fontsize=8)
    panel.set_ylabel(heading)
    _latency_axis(panel, f"latency at {PAPER_RESOLUTION} (ms)")


def _trained(
    by_step: Mapping[int, float], accuracies: Mapping[str, Accuracy], paper: pd.DataFrame
) -> dict[str, tuple[float, float]]:
    """Latency in milliseconds and mIoU in percent of each trained network."""
    names = {step: str(name) for step, name in zip(paper.index.tolist(), paper["name"].tolist(), strict=True)}
    return {
        names[step]: (latency_ms, 100 * accuracies[names[step]].mean_iou)
        for step, latency_ms in by_step.items()
        if names[step] in accuracies
    }


def _name_points(panel: Axes, names: Sequence[str], x: Sequence[float], y: Sequence[float]) -> None:
    for name, at_x, at_y in zip(names, x, y, strict=True):
        panel.annotate(name, (at_x, at_y), xytext=(5, -10), textcoords="offset points", fontsize=7, color=GREY)


def _latency_axis(panel: Axes, label: str) -> None:
    panel.set_xscale("log")
    panel.set_xlabel(label)
    plain_log(panel.xaxis)
