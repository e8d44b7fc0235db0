"""Published speeds and accuracies of segmentation networks, from Tables 5 to 8 and from the networks' own papers.

A published speed belongs to one resolution, graphics card and runtime. Table 6 prints no resolutions: its rows are
taken to be at CamVid's own, which the text gives. Table 7 is at BDD100K's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from microbench.report.published import published

NETWORKS: Mapping[str, str] = {
    "BiSeNet(Res18)": "bisenetv1-r18",
    "BiSeNetV2": "bisenetv2",
    "DABNet": "dabnet",
    "DDRNet23": "ddrnet-23",
    "DDRNet23slim": "ddrnet-23-slim",
    "DRN-D-22": "drn-d-22",
    "DRN-D-38": "drn-d-38",
    "Fast-SCNN": "fast-scnn",
    "ICNet": "icnet",
    "LPS-Net-L": "lpsnet-l",
    "LPS-Net-M": "lpsnet-m",
    "LPS-Net-S": "lpsnet-s",
    "PIDNet-S": "pidnet-s",
    "PP-LiteSeg-B": "pp-liteseg-b",
    "PP-LiteSeg-T": "pp-liteseg-t",
    "RegSeg": "regseg",
    "SFNet(DF1)": "sfnet-df1",
    "SFNet(DF2)": "sfnet-df2",
    "STDC1Seg-50": "stdc1",
    "STDC1Seg-75": "stdc1",
    "STDC2Seg-50": "stdc2",
    "STDC2Seg-75": "stdc2",
}
"""The networks here, by the names that the tables have for them."""

_SEARCHED = "no definition is public from which the network that its search found could be built exactly"
_NOT_BUILT = "not built here"

NOT_TIMED: Mapping[str, str] = {
    "AutoRTNet-A": _SEARCHED,
    "BiSeNet": _NOT_BUILT,
    "BiSeNetV2-L": _NOT_BUILT,
    "CAS": _SEARCHED,
    "DF1-Seg": _NOT_BUILT,
    "DF1-Seg-d8": _NOT_BUILT,
    "DFANet A": _NOT_BUILT,
    "DFANet A'": _NOT_BUILT,
    "DFANet B": _NOT_BUILT,
    "FasterSeg": _NOT_BUILT,
    "GAS": _SEARCHED,
    "HMSeg": _SEARCHED,
    "MSFNet": "its paper leaves layers open, and we know of no code of its authors",
    "SFNet(Res18)": _NOT_BUILT,
    "TinyHMSeg": _SEARCHED,
}
"""Why the others are not timed."""

_RESOLUTIONS = {"table6": "720x960", "table7": "720x1280"}
"""Of the tables that print none."""


@dataclass(frozen=True)
class PublishedSpeed:
    """One speed that was published for a network, and the accuracy published with it."""

    method: str
    """The network's name in the table."""
    network: str | None
    """Its name here; None if it is not timed."""
    not_timed: str
    """Why it is not timed; empty if it is."""
    resolution: str
    """E.g. "1024x2048", height first; empty if the table does not say."""
    fps: float
    gpu: str
    runtime: str
    """Empty if the table names none: a training framework."""
    miou_val_percent: float | None
    miou_test_percent: float | None

    @property
    def latency_ms(self) -> float:
        """What the published frames a second are in milliseconds."""
        return 1e3 / self.fps


def published_speeds(table: str) -> tuple[PublishedSpeed, ...]:
    """The published speeds of a table, in its order.

    Args:
        table: "table5" to "table8", "peers" or "liteseg".

    >>> stdc = next(row for row in published_speeds("table5") if row.method == "STDC1Seg-50")
    >>> stdc.network, stdc.resolution, stdc.fps
    ('stdc1', '512x1024', 250.4)
    """
    rows: list[dict[str, Any]] = published(table).to_dict("records")  # type: ignore[assignment]
    return tuple(speed for row in rows for speed in _speeds(table, row))


def _speeds(table: str, row: Mapping[str, Any]) -> list[PublishedSpeed]:
    """The speeds of one row: of Table 8, one for each of the two boards."""
    if table == "table8":
        on = [("Jetson Nano", "", row["fps_nano"]), ("Jetson TX2", "", row["fps_tx2"])]
    elif table == "table7":
        on = [("1080Ti", "TensorRT", row["fps"])]
    else:
        on = [(_text(row, "gpu"), _text(row, "accelerator"), row["fps"])]
    method = str(row.get("method", row.get("network")))
    network = method if table == "liteseg" else NETWORKS.get(method)
    return [
        PublishedSpeed(
            method=method,
            network=network,
            not_timed="" if network else NOT_TIMED[method],
            resolution=_text(row, "resolution") or (_RESOLUTIONS.get(table, "") if network else ""),
            fps=float(fps),
            gpu=gpu,
            runtime=runtime,
            miou_val_percent=_number(row, "miou_val_percent"),
            miou_test_percent=_number(row, "miou_test_percent"),
        )
        for gpu, runtime, fps in on
    ]


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None or pd.isna(value) else str(value)


def _number(row: Mapping[str, Any], column: str) -> float | None:
    value = row.get(column)
    return None if value is None or pd.isna(value) else float(value)
