"""Figures beside the paper's own layout: what is drawn, and that nothing is where nothing was measured."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lpsnet.classes import ClassSet
from lpsnet.evaluated import Evaluation
from microbench.measure.record import Record
from microbench.report.accuracy import Accuracy
from microbench.report.dataframe import to_dataframe
from microbench.report.figures.roofline import draw_roofline
from microbench.report.figures.table4 import draw_table4
from microbench.report.roofline import Roof

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
