"""Tables 5 to 8: published networks, timed here, with what was published of them in columns of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from microbench.measure.record import Record
from microbench.measure.wording import significant
from microbench.report.accuracy import Accuracy
from microbench.report.published_speeds import PublishedSpeed
from microbench.report.tables.networks import (
    RUN_IN,
    measured_cells,
    miou_cell,
    network_table,
    remarks_cell,
    target_of,
)

_NETWORK, _SIZE = "network", "resolution"


def published_networks(
    records: Sequence[Record], speeds: Sequence[PublishedSpeed], accuracies: Mapping[str, Accuracy]
) -> pd.DataFrame:
    """One line for each network, resolution and configuration, and one for each published network that is not timed.

    The published columns are filled where the resolution is the one that the speed was published with. Where it was
    published for several devices, they are in one cell, in the order of the devices' names.

    Args:
        records: of networks to their score maps, and of the full-resolution argmax.
        speeds: the published ones.
        accuracies: measured here, by network.
    """
    published: dict[tuple[str, str], list[PublishedSpeed]] = {}
    for speed in speeds:
        published.setdefault((speed.network or speed.method, speed.resolution), []).append(speed)
    argmaxes = {_argmax_place(record): record for record in records if record.axes["protocol"] == "argmax"}
    lines = []
    shown = set()
    for record in records:
        if record.axes["protocol"] != "scores":
            continue
        place = (str(record.axes["network"]), str(record.axes["resolution"]))
        shown.add(place)
        argmax = argmaxes.get(_argmax_place(record))
        lines.append(
            {
                _NETWORK: place[0],
                _SIZE: place[1],
                RUN_IN: target_of(record),
                **miou_cell(accuracies, place[0]),
                **measured_cells(record),
                "FPS": _fps(record.measurement.latency_ms) if record.measurement else "",
                "M parameters": significant(record.cost.parameters / 1e6) if record.cost else "",
                **_full_resolution_cells(record, argmax),
                **_published_cells(published.get(place, ())),
                **remarks_cell(record),
            }
        )
    columns = list(lines[0]) if lines else []
    for place, rows in published.items():
        if place not in shown:
            lines.append({**dict.fromkeys(columns, ""), **_untimed_line(place, rows)})
    table = network_table([line for line in lines if line.get(RUN_IN)])
    untimed = pd.DataFrame([line for line in lines if not line.get(RUN_IN)])
    if untimed.empty:
        return table
    return pd.concat([table, untimed.reindex(columns=table.columns, fill_value="")], ignore_index=True)


def _argmax_place(record: Record) -> tuple[object, ...]:
    return record.axes.get("scores"), record.axes["resolution"], record.configuration


def _full_resolution_cells(record: Record, argmax: Record | None) -> dict[str, str]:
    """What a user waits for: the network and, timed beside it, the argmax at the image's size."""
    if record.measurement is None or argmax is None or argmax.measurement is None:
        return {"argmax ms": "", "FPS with argmax": ""}
    return {
        "argmax ms": significant(argmax.measurement.latency_ms),
        "FPS with argmax": _fps(record.measurement.latency_ms + argmax.measurement.latency_ms),
    }


def _fps(latency_ms: float) -> str:
    return significant(1e3 / latency_ms)


def _published_cells(speeds: Sequence[PublishedSpeed]) -> dict[str, str]:
    def joined(value: Callable[[PublishedSpeed], str]) -> str:
        texts = [value(speed) for speed in speeds]
        return texts[0] if len(set(texts)) == 1 else " / ".join(texts)

    return {
        "published as": joined(lambda speed: speed.method),
        "published mIoU % (val)": joined(lambda speed: _percent(speed.miou_val_percent)),
        "published mIoU % (test)": joined(lambda speed: _percent(speed.miou_test_percent)),
        "published FPS": joined(lambda speed: f"{speed.fps:g}"),
        "published on": joined(lambda speed: speed.gpu),
        "published runtime": joined(lambda speed: speed.runtime),
    }


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _untimed_line(place: tuple[str, str], speeds: Sequence[PublishedSpeed]) -> dict[str, str]:
    network, resolution = place
    reason = speeds[0].not_timed or "no record"
    return {_NETWORK: network, _SIZE: resolution, **_published_cells(speeds), "remarks": f"not timed: {reason}"}
