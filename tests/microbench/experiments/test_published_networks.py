"""What the tables of published networks time, and that a network that cannot be built does not stop them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lpsnet
from lpsnet.registry import NETWORKS
from microbench.experiments import EXPERIMENTS, published_networks
from microbench.experiments.network import argmax_spec
from microbench.experiments.published_networks import Case, PublishedNetworks, score_size
from microbench.measure.record import Record
from microbench.measure.workload import WorkloadSpec
from microbench.runs.settings import Settings
from microbench.studies.run import run_experiments


def cases(name: str, *, quick: bool = False) -> set[tuple[str, str]]:
    experiment = EXPERIMENTS.make(name)
    specs = experiment.quick_specs() if quick else experiment.specs()
    return {
        (str(spec.axes["network"]), str(spec.axes["resolution"])) for spec in specs if spec.axes["protocol"] == "scores"
    }


@pytest.fixture
def unsized(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is built, which takes most of the time of a list of cases."""
    monkeypatch.setattr(published_networks, "score_size", lambda *_: None)


@pytest.mark.usefixtures("unsized")
def test_table_5_has_each_network_at_one_size_and_at_its_published_one() -> None:
    found = cases("table5")
    peers = {name for name in lpsnet.NAMES if not name.startswith(("lpsnet-", "drn-"))}
    assert {network for network, size in found if size == "1024x2048"} == peers | {"lpsnet-s", "lpsnet-m", "lpsnet-l"}
    assert {("stdc1", "512x1024"), ("stdc1", "768x1536"), ("liteseg-mobilenetv2", "360x640")} <= found
    assert cases("table5", quick=True) < found
    assert ("stdc1", "1024x2048") not in cases("table5", quick=True)


@pytest.mark.usefixtures("unsized")
def test_the_other_tables_have_the_sizes_of_their_data_sets() -> None:
    assert {size for _, size in cases("table6")} == {"720x960", "360x480"}
    assert cases("table7") >= {(name, "720x1280") for name in ("lpsnet-s", "lpsnet-m", "lpsnet-l", "drn-d-22")}
    assert {("bisenetv2", "512x1024"), ("stdc1", "512x1024"), ("lpsnet-s", "1024x2048")} <= cases("table8")
    assert len(cases("liteseg")) == len(cases("liteseg", quick=True)) == 6


def test_score_maps_have_the_size_that_the_networks_strides_give() -> None:
    assert score_size("stdc1", 19, (512, 1024)) == (64, 128)
    assert score_size("regseg", 19, (512, 1024)) == (128, 256)
    assert score_size("lpsnet-s", 19, (1024, 2048)) == (48, 96)  # the first path sees 3/4 of the image, at 1/16


def test_the_argmax_row_yields_what_the_full_resolution_protocol_does() -> None:
    workload = argmax_spec("table5", 5, (8, 16), (64, 128)).build()
    (scores,) = workload.inputs.values()
    whole = lpsnet.FullResolutionArgmax(nn.Identity())
    upsampled = nn.functional.interpolate(torch.tensor(scores), (64, 128), mode="bilinear", align_corners=True)
    np.testing.assert_array_equal(workload.reference[0], upsampled.argmax(1).byte().numpy())
    assert workload.reference[0].dtype == np.uint8
    assert whole(upsampled).equal(torch.tensor(workload.reference[0]))


class Small(PublishedNetworks):
    """Two of its networks work."""

    name = "small"
    title = "Small"
    sources = ()

    def further_cases(self) -> list[Case]:
        return [Case(network, "64x128") for network in ("tiny", "broken", "lpsnet-step-0")]

    def quick_specs(self) -> list[WorkloadSpec]:
        return self.specs()


def tiny(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, num_classes, 3, stride=4, padding=1))


def broken(num_classes: int) -> nn.Module:
    raise ValueError(f"no network of {num_classes} classes")


def test_a_network_that_fails_says_why_and_the_others_are_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    makers: dict[str, Callable[..., nn.Module]] = {**NETWORKS._makers, "tiny": tiny, "broken": broken}
    monkeypatch.setattr(NETWORKS, "_makers", makers)
    experiment = Small()
    settings = Settings(tmp_path / "m", runtimes=("onnxruntime",), quick=True, row_budget_s=0.01, threads=1)
    found = run_experiments([experiment], settings)["small"]
    by_network: dict[str, Record] = {str(record.axes["network"]): record for record in found}
    assert by_network["tiny"].measurement is not None
    assert by_network["lpsnet-step-0"].measurement is not None
    assert by_network["argmax"].measurement is not None
    assert by_network["broken"].error == "ValueError: no network of 19 classes"
    table = experiment.present(found, [], tmp_path / "m").table.set_index("network")
    assert table["remarks"]["broken"] == "ValueError: no network of 19 classes"
    assert table["FPS with argmax"]["tiny"] != ""
    assert "argmax" not in table.index
