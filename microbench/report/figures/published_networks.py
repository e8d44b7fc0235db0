"""Draw Tables 5 to 8: speed and accuracy as published, both as measured here, and how the order of speeds changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy, miou_heading
from microbench.report.figures.style import BLUE, GREY, RED, SERIES, new_figure, plain_log, save
from microbench.report.labels import configuration_label
from microbench.report.published_speeds import PublishedSpeed

_FEWEST = 3
"""Networks with both speeds, below which nothing is drawn."""


def draw_published_networks(
    records: Sequence[Record],
    speeds: Sequence[PublishedSpeed],
    accuracies: Mapping[str, Accuracy],
    stem: Path,
    *,
    machine: str,
) -> tuple[Path, ...]:
    """The published plane, the measured one where networks are trained, and the ranks by speed, published and here.

    Args:
        records: of networks to their score maps; of several configurations the first is drawn.
        speeds: the published ones.
        accuracies: measured here, by network.
        stem: path of the files without their suffix.
        machine: what the rows were measured on; for the titles.

    Returns:
        The PNG, the SVG and the PDF; nothing where fewer than three networks have a published and a measured speed.
    """
    scores = [record for record in records if record.axes["protocol"] == "scores" and record.measurement is not None]
    own = [record for record in scores if record.configuration == scores[0].configuration]
    latencies_ms = {
        (str(record.axes["network"]), str(record.axes["resolution"])): record.measurement.latency_ms
        for record in own
        if record.measurement is not None
    }
    both = [
        (speed, latencies_ms[speed.network, speed.resolution])
        for speed in speeds
        if speed.network and (speed.network, speed.resolution) in latencies_ms
    ]
    if len(both) < _FEWEST:
        return ()
    target = f"{machine}, {configuration_label(own[0].configuration)}"
    trained = {name: found for name, found in accuracies.items() if any(name == network for network, _ in latencies_ms)}
    columns = 3 if len(trained) >= _FEWEST else 2
    with new_figure(5.6 * columns, 5.6) as figure:
        panels = figure.subplots(1, columns, squeeze=False)[0]
        _draw_published(panels[0], speeds)
        _draw_ranks(panels[1], both, target)
        if columns > 2:
            _draw_measured(panels[2], latencies_ms, trained, target)
        return save(figure, stem)


def _draw_published(panel: Axes, speeds: Sequence[PublishedSpeed]) -> None:
    gpus = list(dict.fromkeys(speed.gpu or "GPU not named" for speed in speeds))
    for gpu, colour in zip(gpus, [*SERIES, GREY], strict=False):
        for speed in speeds:
            miou = speed.miou_val_percent if speed.miou_test_percent is None else speed.miou_test_percent
            if (speed.gpu or "GPU not named") == gpu and miou is not None:
                panel.scatter(speed.latency_ms, miou, color=colour, s=18)
                panel.annotate(speed.method, (speed.latency_ms, miou), (4, 2), textcoords="offset points", fontsize=6)
        panel.scatter([], [], color=colour, s=18, label=gpu)
    panel.set_xscale("log")
    plain_log(panel.xaxis)
    panel.set_xlabel("published latency (ms), each at its own resolution")
    panel.set_ylabel("published mIoU (%)")
    panel.set_title("published, by GPU")
    panel.legend(fontsize=7)


def _draw_ranks(panel: Axes, both: Sequence[tuple[PublishedSpeed, float]], target: str) -> None:
    """A line from each network's published place to its place here; those that lose places are red."""
    published = _places([speed.latency_ms for speed, _ in both])
    measured = _places([latency_ms for _, latency_ms in both])
    for (speed, _), left, right in zip(both, published, measured, strict=True):
        colour = GREY if left == right else RED if right > left else BLUE
        panel.plot((0, 1), (left, right), color=colour, marker="o", markersize=4, linewidth=1)
        name = f"{speed.method} ({speed.gpu})" if speed.gpu else speed.method
        panel.annotate(f"{name} {left}", (0, left), (-6, -2), textcoords="offset points", fontsize=7, ha="right")
        panel.annotate(f"{right} {speed.method}", (1, right), (6, -2), textcoords="offset points", fontsize=7)
    panel.set_xlim(-1.1, 1.8)
    panel.set_ylim(len(both) + 0.5, 0.5)
    panel.set_xticks((0, 1), ("published", "here"))
    panel.set_yticks(())
    panel.grid(visible=False)
    panel.set_title(f"order by speed at the published resolutions,\npublished and on {target}")


def _draw_measured(
    panel: Axes, latencies_ms: Mapping[tuple[str, str], float], trained: Mapping[str, Accuracy], target: str
) -> None:
    """At the one resolution at which most trained networks are timed."""
    resolutions = [resolution for network, resolution in latencies_ms if network in trained]
    resolution = max(dict.fromkeys(resolutions), key=resolutions.count)
    for name, found in trained.items():
        if (name, resolution) in latencies_ms:
            place = (latencies_ms[name, resolution], 100 * found.mean_iou)
            panel.scatter(*place, color=RED, s=18)
            panel.annotate(name, place, (4, 2), textcoords="offset points", fontsize=7)
    panel.set_xscale("log")
    plain_log(panel.xaxis)
    panel.set_xlabel(f"latency at {resolution} (ms)")
    panel.set_ylabel(miou_heading(trained))
    panel.set_title(f"measured on {target}")


def _places(latencies_ms: Sequence[float]) -> list[int]:
    """From 1, the fastest first; equal ones by their order in the table."""
    order = sorted(range(len(latencies_ms)), key=lambda row: latencies_ms[row])
    return [order.index(row) + 1 for row in range(len(latencies_ms))]
