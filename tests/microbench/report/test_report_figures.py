"""Figures beside the paper's own layout: what is drawn, and that nothing is where nothing was measured."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lpsnet.classes import ClassSet
from lpsnet.evaluated import Evaluation
from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.dataframe import to_dataframe
from microbench.report.efficiency_ratio import efficiency_ratios
from microbench.report.figures.figure4 import draw_figure4
from microbench.report.figures.roofline import draw_roofline
from microbench.report.figures.style import GREY, SERIES
from microbench.report.figures.sweep import draw_sweep
from microbench.report.figures.table4 import draw_table4
from microbench.report.roofline import Roof
from microbench.report.sweet_spots import curves_of

MakeRecord = Callable[..., Record]


def texts_of(svg: Path) -> str:
    """The words of a figure: matplotlib keeps them as comments beside their outlines."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg.read_text("utf-8")))


def steps(make_record: MakeRecord, resolution: str) -> list[Record]:
    return [
        make_record("table4", f"step-{step}", {"step": step, "protocol": "scores", "resolution": resolution}, [ms] * 5)
        for step, ms in ((0, 5.0), (7, 70.0), (8, 140.0), (10, 270.0))
    ]


def accuracy(name: str) -> Accuracy:
    counts = np.tile(np.array([[8, 2], [2, 8]]), (3, 1, 1))
    classes = ClassSet(("a", "b"), ((0, 0, 0), (255, 255, 255)))
    evaluation = Evaluation("generated", "val", classes, ("0", "1", "2"), counts)
    return Accuracy(name, "recipe", (0,), (evaluation,), ({},))


@pytest.mark.parametrize("trained", [(), ("LPS-Net-S",), ("LPS-Net-S", "LPS-Net-L")])
def test_the_measured_plane_is_drawn_once_two_networks_are_trained(
    make_record: MakeRecord, tmp_path: Path, trained: tuple[str, ...]
) -> None:
    accuracies = {name: accuracy(name) for name in trained}
    _, svg, _ = draw_table4(steps(make_record, "1024x2048"), accuracies, tmp_path / "table4", machine="board")
    text = texts_of(svg)
    assert "each step on board and published" in text
    assert ("mIoU % (generated val)" in text) == (len(trained) == 2)


def test_published_latencies_are_held_against_the_papers_size_alone(make_record: MakeRecord, tmp_path: Path) -> None:
    assert draw_table4(steps(make_record, "64x128"), {}, tmp_path / "table4", machine="board") == ()
    assert list(tmp_path.iterdir()) == []


def test_the_roof_is_the_lower_of_arithmetic_and_bandwidth() -> None:
    roof = Roof(product_mmacs_per_ms=80.0, bytes_per_ms=4e7)
    assert roof.at(1e-6) == 40.0
    assert roof.at(1e-5) == 80.0


def test_the_roofline_shows_each_block_and_runtime(make_record: MakeRecord, tmp_path: Path) -> None:
    rows = [make_record("figure4", name, {"block": name}, [1.0] * 5) for name in ("conv3x3", "sepconv3x3")]
    ceilings = [
        make_record("ceilings", name, {"ceiling": name}, [1.0] * 5) for name in ("matrix_product", "cached_copy")
    ]
    png, svg, _ = draw_roofline(to_dataframe(rows), to_dataframe(ceilings), tmp_path / "roofline", machine="board")
    assert png.is_file()
    assert all(word in texts_of(svg) for word in ("conv3x3", "sepconv3x3", "onnxruntime fp32, 1 thread"))


def test_without_ceilings_there_is_no_roofline(make_record: MakeRecord, tmp_path: Path) -> None:
    rows = [make_record("figure4", "conv3x3", {"block": "conv3x3"}, [1.0] * 5)]
    assert draw_roofline(to_dataframe(rows), pd.DataFrame(), tmp_path / "roofline", machine="board") == ()


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*SERIES, GREY])
def test_every_colour_of_a_line_has_a_contrast_of_three_to_white(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 3


def swept(make_record: MakeRecord, widths: Sequence[int], in_width: int | None) -> list[Record]:
    return [
        make_record(
            "sweep",
            f"conv/{in_width or width}-{width}",
            {"block": "conv3x3", "width": width, "in_width": in_width or width, "resolution": "64x64", "stride": 1,
             "batch": 1, "depth": 1},
            [1.0 + 0.01 * width] * 6,
            macs=1000 * width * (in_width or width),
        )
        for width in widths
    ]  # fmt: skip


def test_a_sweep_has_a_curve_for_each_number_of_input_channels(make_record: MakeRecord, tmp_path: Path) -> None:
    widths = (8, 16, 24, 32, 40)
    rows = [*swept(make_record, widths, None), *swept(make_record, [w for w in widths if w != 16], 16)]
    data = to_dataframe(rows)
    curves = curves_of(data)
    assert [curve.label.split(", ")[1] for curve in curves] == ["onnxruntime fp32", "from 16 channels"]
    assert [curve.widths for curve in curves] == [widths, widths]  # 16 to 16 channels is in both
    png, svg, pdf = draw_sweep(data, curves, tmp_path / "sweep", machine="board")
    assert png.is_file()
    assert pdf.is_file()
    for words in ("Sweep of channel widths on board", "MMACs", "latency, 95% interval", "from 16 channels"):
        assert words in texts_of(svg)


def test_a_sweep_from_a_fixed_width_alone_has_one_curve(make_record: MakeRecord) -> None:
    (curve,) = curves_of(to_dataframe(swept(make_record, (8, 16, 24, 32), 16)))
    assert "from 16 channels" in curve.label


def test_figure_4_has_one_scale_and_writes_the_ratio(make_record: MakeRecord, tmp_path: Path) -> None:
    rows = [
        make_record("figure4", name, {"block": name, "depth": 1}, [ms] * 6, macs=macs, runtime=runtime)
        for runtime in ("onnxruntime", "openvino")
        for name, ms, macs in (("conv3x3:bare", 2.0, 8_000_000), ("sepconv3x3:bare", 1.0, 1_000_000))
    ]
    ratios = efficiency_ratios(rows, "conv3x3:bare", "sepconv3x3:bare")
    _, svg, _ = draw_figure4(to_dataframe(rows), (), ratios, tmp_path / "figure4", machine="board")
    text = texts_of(svg)
    assert text.count("×4.00") == 2
    assert "measured on board" in text
    assert text.count("FLOPs-efficiency (MMACs/ms)") == 1
