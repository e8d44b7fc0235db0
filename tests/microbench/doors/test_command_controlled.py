"""`microbench run isa`, `winograd` and `layout`: what they compare by default, and what they say where they cannot."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from commands import call_microbench

from microbench.errors import InputError
from microbench.experiments import EXPERIMENTS
from microbench.experiments.isa import Isa
from microbench.experiments.layout import Layout
from microbench.experiments.winograd import Winograd
from microbench.measure.record import Record
from microbench.runs.runner import Plan
from microbench.runs.settings import Settings
from microbench.studies import run as study
from microbench.studies.bundle import write_bundle

CONTROLLED = ("isa", "winograd", "layout")


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that would have been timed."""
    seen: list[Plan] = []

    def keep(plan: Plan, *_: Any) -> list[Record]:
        seen.append(plan)
        return []

    monkeypatch.setattr(study, "run", keep)
    return seen


def runtimes_of(plan: Plan) -> list[str]:
    return [target.configuration.runtime for target in plan.targets]


def test_the_layout_is_compared_in_both_of_its_runtimes_side_by_side(plans: list[Plan], tmp_path: Path) -> None:
    study.run_experiments([Layout()], Settings(tmp_path))
    (plan,) = plans  # no ceilings: the arms are compared with each other
    assert runtimes_of(plan) == ["onnxruntime", "onnxruntime-nchw"]
    assert plan.policy.row_budget_s == Layout.row_budget_s
    assert len({spec.name for spec in plan.specs}) == len(plan.specs) == 24 + 7


def test_a_runtime_or_budget_that_the_user_names_is_taken(plans: list[Plan], tmp_path: Path) -> None:
    study.run_experiments([Layout()], Settings(tmp_path, runtimes=("openvino",), row_budget_s=9.0))
    assert runtimes_of(plans[0]) == ["openvino"]
    assert plans[0].policy.row_budget_s == 9.0


def test_a_quick_run_takes_a_third_of_the_time(plans: list[Plan], tmp_path: Path) -> None:
    study.run_experiments([Layout()], Settings(tmp_path, quick=True))
    assert Layout.row_budget_s is not None
    assert plans[0].policy.row_budget_s == pytest.approx(Layout.row_budget_s / 3)


@pytest.mark.parametrize("name", CONTROLLED)
def test_each_is_a_command_and_no_part_of_all(name: str) -> None:
    assert not EXPERIMENTS.make(name).in_all
    shown = call_microbench("run", "--help")
    assert re.search(rf"^  {name} +\w", shown.out, re.MULTILINE)
    assert call_microbench("run", name, "--help").code == 0


def test_without_the_extra_winograd_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ncnn" else find(name, *rest))
    done = call_microbench("run", "winograd", "--results", tmp_path)
    assert done.code == 2
    assert re.fullmatch(
        r"microbench: runtime 'ncnn' is not available on cpu: the Python package \w+\b[^\n]* is not installed; "
        r"pip install 'lpsnet-microbench\[ncnn\]'\.\n",
        done.err,
    )
    assert not list(tmp_path.iterdir())


def test_instruction_sets_go_into_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^experiment 'isa' runs in processes of its own, and goes into no bundle"):
        write_bundle([Isa()], tmp_path / "bundle")


def test_figure_4s_blocks_are_the_ones_that_winograd_is_switched_for() -> None:
    assert [dict(spec.axes) for spec in Winograd().specs()] == [
        dict(spec.axes) for spec in EXPERIMENTS.make("figure4").specs()
    ]
