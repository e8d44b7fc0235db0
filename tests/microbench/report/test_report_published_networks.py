"""Tables of published networks: their columns, how far two orders agree, a claimed ratio, and who is on the front."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from microbench.measure.record import Record
from microbench.report.claimed_speed import claimed_speeds
from microbench.report.figures.published_networks import draw_published_networks
from microbench.report.published_order import kendall_tau, published_orders, spearman_rho
from microbench.report.published_speeds import PublishedSpeed, published_speeds
from microbench.report.speed_front import fronts
from microbench.report.tables.published_networks import published_networks

MakeRecord = Callable[..., Record]
SIZE = "512x1024"
SOURCES = ("table5", "table6", "table7", "table8", "peers", "liteseg")


def speed(
    network: str, fps: float, miou: float | None = 70.0, gpu: str = "1080Ti", resolution: str = SIZE
) -> PublishedSpeed:
    return PublishedSpeed(network.upper(), network, "", resolution, fps, gpu, "TensorRT", None, miou)


def row(make_record: MakeRecord, network: str, ms: float, resolution: str = SIZE) -> Record:
    axes = {"network": network, "scores": "64x128", "resolution": resolution, "protocol": "scores"}
    medians = [ms * factor for factor in (1.0, 1.004, 1.0, 1.0, 1.003, 1.0)]
    return make_record("table5", f"{network}/{resolution}/scores", axes, medians, macs=2_000_000_000)


@pytest.fixture
def swapped(make_record: MakeRecord) -> list[Record]:
    """Published in the order a, b, c, d; here b is the slowest but one, behind c."""
    return [row(make_record, network, ms) for network, ms in (("a", 10.0), ("b", 31.0), ("c", 30.0), ("d", 50.0))]


SPEEDS = [speed("a", 200), speed("b", 120), speed("c", 100), speed("d", 40, gpu="TitanX")]


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0, 5.0, 4.0], [1.0, 1.0, 2.0, 3.0, 3.0], [5.0, 4.0, 3.0, 2.0, 1.0]])
def test_rank_correlations_are_those_of_scipy(values: list[float]) -> None:
    first, second = np.array([1.0, 2.0, 2.0, 4.0, 5.0]), np.array(values)
    assert spearman_rho(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert kendall_tau(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)


def test_an_inverted_pair_is_named_with_its_share_and_the_others_are_not(swapped: list[Record]) -> None:
    order, on_one_card = published_orders(swapped, SPEEDS)
    assert (order.gpu, order.networks, on_one_card.gpu, on_one_card.networks) == (None, 4, "1080Ti", 3)
    assert order.spearman.estimate == pytest.approx(0.8)
    assert order.kendall.estimate == pytest.approx(4 / 6)
    assert (order.spearman.low, order.spearman.high) == (-1.0, 1.0)  # of four networks
    (inversion,) = order.inversions
    assert (inversion.faster_published, inversion.slower_published) == ("B", "C")
    assert inversion.published_ratio == pytest.approx(1.2)
    assert inversion.measured_ratio == pytest.approx(30 / 31, rel=0.01)
    assert inversion.share > 0.9
    assert inversion.same_gpu
    assert on_one_card.inversions == ()  # it is listed above
    assert "B was published 1.20 times as fast as C; here it is 0.97 times as fast" in order.sentences[1]


def test_the_interval_of_the_agreement_is_over_other_networks_too(make_record: MakeRecord) -> None:
    names = "abcdefgh"
    records = [row(make_record, name, 10.0 * place) for place, name in enumerate("bacdefhg", start=1)]
    (order,) = published_orders(records, [speed(name, 100 / place) for place, name in enumerate(names, start=1)])
    assert order.spearman.estimate == pytest.approx(1 - 6 * 4 / (8 * 63))
    assert -1 < order.spearman.low < order.spearman.estimate <= order.spearman.high <= 1
    assert order.kendall.low < order.kendall.estimate == pytest.approx(24 / 28)


def test_a_speed_counts_at_the_resolution_that_it_was_published_for_alone(make_record: MakeRecord) -> None:
    elsewhere = [row(make_record, network, 10.0, "1024x2048") for network in "abcd"]
    assert published_orders(elsewhere, SPEEDS) == []
    assert "".join(published_networks(elsewhere, SPEEDS, {})["published FPS"][:4]) == ""


def test_two_boards_are_two_orders(swapped: list[Record]) -> None:
    boards = [speed(name, fps, gpu=gpu) for gpu in ("Nano", "TX2") for name, fps in (("a", 9), ("b", 5), ("c", 4))]
    found = published_orders(swapped, boards)
    assert [(order.gpu, order.networks, len(order.inversions)) for order in found] == [("Nano", 3, 1), ("TX2", 3, 1)]
    table = published_networks(swapped, boards, {}).set_index("network")
    assert table["published FPS"]["a"] == "9"
    assert table["published on"]["a"] == "Nano / TX2"


def test_the_claimed_ratio_stands_beside_the_measured_one(swapped: list[Record]) -> None:
    (claim,) = claimed_speeds(swapped, SPEEDS, "A", "C")
    assert claim.published == 2.0
    assert claim.measured.estimate == pytest.approx(3.0, rel=0.02)
    assert claim.measured.low <= 3.0 <= claim.measured.high
    assert "A is 3.00 times as fast as C" in claim.sentence
    assert claimed_speeds(swapped[:2], SPEEDS, "A", "C") == []


def test_the_front_holds_what_no_other_beats_in_both(swapped: list[Record]) -> None:
    speeds = [speed("a", 200, 60.0), speed("b", 120, 70.0), speed("c", 100, 71.0), speed("d", 40, 65.0)]
    (front,) = fronts(swapped, speeds, {})
    assert [member.network for member in front.members] == [f"A at {SIZE}", f"C at {SIZE}"]
    assert all(member.share > 0.9 for member in front.members)
    assert front.accuracy == "published mIoU"


def test_measured_and_published_numbers_have_columns_of_their_own(
    make_record: MakeRecord, swapped: list[Record]
) -> None:
    argmax = make_record(
        "table5",
        f"argmax/64x128/{SIZE}",
        {"network": "argmax", "scores": "64x128", "resolution": SIZE, "protocol": "argmax"},
        [10.0] * 6,
    )
    untimed = PublishedSpeed("CAS", None, "no definition", "", 108, "TitanXp", "", 71.6, 70.5)
    table = published_networks([*swapped, argmax], [*SPEEDS, untimed], {}).set_index("network")
    assert list(table.index) == ["a", "b", "c", "d", "CAS"]
    assert float(table["FPS"]["a"]) == pytest.approx(100, rel=0.01)
    assert table["published FPS"]["a"] == "200"
    assert float(table["argmax ms"]["a"]) == pytest.approx(10, rel=0.01)
    assert float(table["FPS with argmax"]["a"]) == pytest.approx(50, rel=0.01)
    assert table["published runtime"]["a"] == "TensorRT"
    assert table["mIoU % (not trained)"]["a"] == ""
    assert table["FPS"]["CAS"] == ""
    assert table["remarks"]["CAS"] == "not timed: no definition"
    assert table["published mIoU % (val)"]["CAS"] == "71.6"


def test_the_figure_has_each_network_in_both_orders_and_the_published_plane(
    swapped: list[Record], tmp_path: Path
) -> None:
    _, svg, _ = draw_published_networks(swapped, SPEEDS, {}, tmp_path / "table5", machine="board")
    words = re.findall(r"<!-- (.*?) -->", svg.read_text("utf-8"))
    assert {"B (1080Ti) 2", "3 B", "C (1080Ti) 3", "2 C", "published mIoU (%)"} <= set(words)
    assert not any(word.startswith("measured on") for word in words)  # none is trained
    assert draw_published_networks(swapped[:2], SPEEDS, {}, tmp_path / "few", machine="board") == ()
    assert draw_published_networks([], SPEEDS, {}, tmp_path / "none", machine="board") == ()


@pytest.mark.parametrize("source", SOURCES)
def test_every_published_row_is_a_network_here_or_says_why_it_is_not_timed(source: str) -> None:
    import lpsnet

    for found in published_speeds(source):
        assert (found.network is None) == bool(found.not_timed)
        assert found.network is None or (found.network in lpsnet.NAMES and found.resolution)
        assert found.fps > 0
